# SPDX-License-Identifier: Apache-2.0
"""Those that are measured: each starts, takes turns, and answers each with figures by name.

Figures of an operation OP (set, get, exists): OP_us, microseconds a page; OP_call_us, median of a call; OP_gbps, 10^9 bytes a second;
OP_fio_gbps and OP_plain_gbps, what fio and a plain loop did beside it.
"""
import json
import os
import subprocess
import threading

from compare import machine

TURN_SECONDS_MAX = 600
STOP_SECONDS_MAX = 30
LOG_LINES = 15
QUIET = {**os.environ, "NIXL_LOG_LEVEL": "FATAL"}


class ContestantFailed(Exception):
    """What it was told to do did not succeed; the message ends with its last words."""


def tail(log):
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def log_of(folder, name):
    logs = machine.ROOT / "build/bench/logs"
    logs.mkdir(parents=True, exist_ok=True)
    return logs / f"{folder.name}-{name}.log".replace(" ", "-").replace(",", "")


def run(command, log):
    """What a command prints. It is in a session of its own, so that Ctrl-C at a terminal is for us alone."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, env=QUIET,
            cwd=machine.ROOT, start_new_session=True,
        )  # fmt: skip
        try:
            output = process.communicate(timeout=TURN_SECONDS_MAX)[0]
        except BaseException:
            os.killpg(process.pid, 9)  # with its children
            process.wait()
            raise
    if process.returncode != 0:
        raise ContestantFailed(f"{command[0]} ended with {process.returncode}; {log} ends:\n{tail(log)}\n{output[-2000:]}")
    return output


class Serving:
    """A process that warms up once, then measures at every line it is given: SGLang's connector, or the Java API."""

    def __init__(self, name, command, log, environment=None):
        self.name, self.command, self.log = name, command, log
        self.environment = {**QUIET, **(environment or {})}
        self.process = None

    @classmethod
    def peer(cls, name, mode, folder, shape, rounds):
        home = machine.peer_home()
        model = "mla" if shape["page_bytes"] == 72 << 10 else "mha"  # DeepSeek's latent is one tensor, K and V are two
        command = [
            f"{home}/bin/python", f"{machine.ROOT}/scripts/peer/peer_bench.py", "--home", home, "--mode", mode, "--model", model,
            "--turns", "--warmup", "1", *cls._shape(folder, name, shape, rounds),
        ]  # fmt: skip
        return cls(name, command, log_of(folder, name))

    @classmethod
    def java(cls, name, layout, folder, shape, rounds):
        warm_up = 8 if shape["batch"] == 1 else 4
        command = [
            *machine.java_command(), "io.hicache.bench.ConnectorBenchmark", "--layout", layout, "--mode", "pool",
            "--turns", "--warmup", str(warm_up), *cls._shape(folder, name, shape, rounds),
        ]  # fmt: skip
        return cls(name, command, log_of(folder, name))

    @staticmethod
    def _shape(folder, name, shape, rounds):
        return [
            "--dir", str(folder / name.replace(" ", "-")), "--page-bytes", str(shape["page_bytes"]), "--pages", str(shape["pages"]),
            "--batch", str(shape["batch"]), "--odirect", str(int(shape["direct"])), "--rounds", str(rounds),
        ]  # fmt: skip

    def start(self):
        with self.log.open("w") as errors:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                env=self.environment, cwd=machine.ROOT, start_new_session=True,
            )  # fmt: skip
        self._line()

    def turn(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = json.loads(self._line())
        figures = {f"{of}_us": answer[of]["us_per_page_median"] for of in ("set", "get", "exists")}
        for of in ("set", "get", "exists"):
            if "call_us_median" in answer[of]:
                figures[f"{of}_call_us"] = answer[of]["call_us_median"]
        for of in ("set", "get"):
            figures[f"{of}_gbps"] = answer["page_bytes"] / answer[of]["us_per_page_median"] / 1e3
        return figures

    def stop(self):
        if self.process is None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except BaseException:
            self.kill()
            raise

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()

    def _line(self):
        late = threading.Timer(TURN_SECONDS_MAX, self.kill)
        late.start()
        try:
            line = self.process.stdout.readline()
        finally:
            late.cancel()
        if not line:
            status = self.process.wait()
            raise ContestantFailed(f"{self.name} ended with {status}; {self.log} ends:\n{tail(self.log)}")
        return line


class NativeBench:
    """hicache_nixl_bench: a process for each turn. Its files stay between turns, as those of a running store do."""

    def __init__(self, name, folder, shape, arguments, prefix="", warm_up=0, apart=False):
        """prefix: of the names of figures. apart: each operation in a run of its own."""
        self.name, self.prefix, self.apart = name, prefix, apart
        self.log = log_of(folder, name)
        passes = warm_up or -(-shape["pages"] // shape["batch"])
        self.command = [
            str(machine.NATIVE_BENCH), "--filepath", str(folder / f"{name}{prefix}".replace(" ", "-").replace(",", "")),
            "--start_block_size", str(shape["page_bytes"]), "--keys", str(shape["pages"]), "--start_batch_size",
            str(shape["batch"]), "--warmup_iter", str(passes), "--format", "json", *arguments,
        ]  # fmt: skip

    def start(self):
        pass

    def turn(self):
        figures = {}
        for more in (["--op_type", "WRITE"], ["--op_type", "READ"], ["--op_type", "EXISTS"]) if self.apart else ([],):
            answer = json.loads(run([*self.command, *more], self.log))
            for row in answer["rows"]:
                figures.update(self._figures(row))
        return figures

    def _figures(self, row):
        of = f"{self.prefix}_{row['operation']}" if self.prefix else row["operation"]
        figures = {f"{of}_us": row["us_per_page"], f"{of}_call_us": row["latency_us"]["p50"]}
        for theirs, ours in (("gb_per_s", "gbps"), ("fio_gb_per_s", "fio_gbps"), ("plain_gb_per_s", "plain_gbps")):
            if theirs in row:
                figures[f"{of}_{ours}"] = row[theirs]
        return figures

    def stop(self):
        pass

    def kill(self):
        pass


class Jmh:
    """The JMH suite of the Java API: a virtual machine for each benchmark and turn."""

    def __init__(self, name, benchmarks, layout, memory, folder, seconds):
        """benchmarks: a regular expression of their names; memory: what is passed, tensors or addresses."""
        self.name, self.log = name, log_of(folder, name)
        self.results = folder / f"{memory}.json"
        self.command = [
            *machine.java_command(), "org.openjdk.jmh.Main", f"PageStoreBenchmark.{benchmarks}", "-p", f"layout={layout}",
            "-p", f"memory={memory}", "-p", f"directory={folder / memory}", "-f", "1", "-wi", "1", "-w",
            f"{int(seconds * 1000)}ms", "-i", "1", "-r", f"{int(seconds * 1000)}ms", "-prof", "gc", "-rf", "json", "-rff", str(self.results),
        ]  # fmt: skip

    def start(self):
        pass

    def turn(self):
        run(self.command, self.log)
        figures = {}
        for result in json.loads(self.results.read_text()):
            of = result["benchmark"].rsplit(".", 1)[1]  # batchSet
            for capital in "SGE":
                of = of.replace(capital, "_" + capital.lower(), 1)
            figures[f"{of}_call_us"] = result["primaryMetric"]["scorePercentiles"]["50.0"]
            figures[f"{of}_garbage_bytes"] = result["secondaryMetrics"]["gc.alloc.rate.norm"]["score"]
        return figures

    def stop(self):
        pass

    def kill(self):
        pass
