# SPDX-License-Identifier: Apache-2.0
"""Tests of the comparison: what it makes of samples, and the whole of it on its quickest rows, without the peer."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from compare import goals, report, samples

JAVA_OVER_NATIVE = "Java over native, set of 128 x 72 KiB"
SET_AGAINST_PEER = "set 72KiB, batch 128, tmpfs, against peer v1"


def rows(name, **contestants):
    """One row; a contestant's figures by round, its name with _ for a space."""
    return {name: {"samples": {who.replace("_", " "): rounds for who, rounds in contestants.items()}}}


def goal(of, work):
    return next(each for each in goals.evaluate(of) if each["work"] == work)


class GoalsTest(unittest.TestCase):
    def test_should_judge_the_ratio_of_medians_and_show_the_spread_of_rounds(self):
        peer = [{"set_us": value} for value in (40, 50, 90)]
        measured = goal(rows("tmpfs-72KiB-b128", peer_v1=peer, java_segments=[{"set_us": 10}] * 3), SET_AGAINST_PEER)
        self.assertEqual(measured["measured"]["java segments"], {"median": 5, "low": 4, "high": 9})
        self.assertIs(measured["reached"], True)
        measured = goal(rows("tmpfs-72KiB-b128", peer_v1=peer, java_segments=[{"set_us": 12.6}] * 3), SET_AGAINST_PEER)
        self.assertIs(measured["reached"], False)

    def test_should_judge_the_first_contestant_that_was_measured(self):
        shape = rows("tmpfs-72KiB-b128", peer_v1=[{"set_us": 40}], native_files=[{"set_us": 10}], java_files=[{"set_us": 20}])
        self.assertEqual(goal(shape, SET_AGAINST_PEER)["judged"], "java files")
        self.assertIs(goal(shape, SET_AGAINST_PEER)["reached"], False)

    def test_should_not_judge_what_was_not_measured(self):
        for each in goals.evaluate({}):
            self.assertIsNone(each["reached"], each["work"])
        without_peer = rows("tmpfs-72KiB-b128", java_segments=[{"set_us": 10}])
        self.assertIsNone(goal(without_peer, SET_AGAINST_PEER)["reached"])

    def test_should_give_what_java_adds_in_percent(self):
        figure = "batch_set_call_us"
        shape = rows("java-over-native", java_segments=[{figure: 103}], native_segments=[{figure: 100}])
        self.assertAlmostEqual(goal(shape, JAVA_OVER_NATIVE)["measured"]["java segments"]["median"], 3)

    def test_should_compare_the_index_with_the_most_keys_to_that_with_the_fewest(self):
        shape = {"index": {"samples": {"10000000 keys": [{"exists_us": 3, "open_ms": 9}], "10000 keys": [{"exists_us": 2}]}}}
        self.assertEqual(goal(shape, "10^4 to 10^7 keys: exists")["measured"]["native segments"]["median"], 1.5)
        self.assertEqual(goal(shape, "10^7 keys: open")["measured"]["native segments"]["median"], 9)


class SamplesTest(unittest.TestCase):
    def test_should_take_the_rounds_that_both_sides_have(self):
        shape = rows("row", a=[{"x": 4}, {"x": 6}, {"x": 8}], b=[{"x": 2}, {"x": 2}])
        self.assertEqual(samples.ratio(shape, ("row", "a", "x"), ("row", "b", "x")), samples.Measure(3, 2, 3))


class RunTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(self.folder.cleanup)
        self.tmpfs = pathlib.Path(self.folder.name)
        out = tempfile.TemporaryDirectory()
        self.addCleanup(out.cleanup)
        self.out = pathlib.Path(out.name)

    def command(self, *arguments):
        return [sys.executable, "-m", "compare", "--quick", "--no-peer", "--dir-tmpfs", self.tmpfs, "--out", self.out, *arguments]

    def read(self):
        return json.loads((self.out / report.JSON_NAME).read_text())

    def test_should_measure_alternately_report_and_leave_nothing_behind(self):
        only = ["--only", "tmpfs-72KiB-b128|plain-72KiB-checksum1", "--rounds", "2"]
        done = subprocess.run(self.command(*only), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        document = self.read()
        self.assertEqual(list(document["rows"]), ["tmpfs-72KiB-b128", "plain-72KiB-checksum1"])
        connector = document["rows"]["tmpfs-72KiB-b128"]["samples"]
        self.assertEqual(set(connector), {f"{side} {layout}" for side in ("java", "native") for layout in ("segments", "files")})
        for rounds in connector.values():
            self.assertEqual(len(rounds), 2)
            for figure in ("set_us", "get_us", "exists_us", "set_call_us", "get_call_us", "set_gbps", "get_gbps"):
                self.assertTrue(all(each[figure] > 0 for each in rounds), figure)
        plain = goal(document["rows"], "get 72KiB, tmpfs, checksums verified, against a plain loop")
        self.assertGreater(plain["measured"]["native segments"]["median"], 0)
        for name in ("cpu", "kernel", "nixl", "fio", "jdk", "commit"):
            self.assertNotIn(document["machine"][name], ("", "unknown"), name)
        text = (self.out / report.MARKDOWN_NAME).read_text()
        self.assertIn("| java segments | 2 |", text)
        for plot in self.out.glob("*.svg"):
            self.assertIn(f"]({plot.name})", text)
            self.assertIn("</svg>", plot.read_text())
        self.assertEqual(list(self.tmpfs.iterdir()), [])

    def test_should_add_rows_to_the_report_that_is_there(self):
        self.test_should_measure_alternately_report_and_leave_nothing_behind()
        before = self.read()["rows"]
        done = subprocess.run(self.command("--only", "^index", "--rounds", "1", "--add"), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        after = self.read()["rows"]
        self.assertEqual({name: after[name] for name in before}, before)
        for figure in ("exists_us", "open_ms", "fill_seconds"):
            self.assertGreater(after["index"]["samples"]["10000 keys"][0][figure], 0)

    def test_should_report_what_there_is_when_interrupted(self):
        process = subprocess.Popen(
            self.command("--only", "plain-72KiB-checksum1", "--rounds", "1000"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        time_out = time.monotonic() + 60
        while not list(self.tmpfs.glob("*/plain-72KiB-checksum1/native-files")) and time.monotonic() < time_out:
            time.sleep(0.05)  # the other layout's turn is over
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIs(self.read()["interrupted"], True)
        self.assertTrue(self.read()["rows"]["plain-72KiB-checksum1"]["samples"]["native segments"], output)
        self.assertEqual(list(self.tmpfs.iterdir()), [])

    def test_should_go_on_after_a_failure_and_say_what_it_was(self):
        (self.tmpfs / "java/bin").mkdir(parents=True)
        (self.tmpfs / "java/bin/java").symlink_to("/bin/false")
        done = subprocess.run(
            self.command("--only", "tmpfs-72KiB-b1$|plain-72KiB-checksum1", "--rounds", "1"),
            capture_output=True, text=True, env={**os.environ, "JAVA_HOME": str(self.tmpfs / "java")},
        )  # fmt: skip
        self.assertEqual(done.returncode, 3, done.stderr)
        document = self.read()
        self.assertIn("tmpfs-72KiB-b1: ContestantFailed: java segments ended with 1", document["problems"][0])
        self.assertEqual(list(document["rows"]), ["plain-72KiB-checksum1"])


if __name__ == "__main__":
    unittest.main()
