# SPDX-License-Identifier: Apache-2.0
"""Where things are on this machine, and what it is."""
import functools
import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
NATIVE_BENCH = ROOT / "build/release/cpp/bench/hicache_nixl_bench"
JAVA_BENCH = ROOT / "java/hicache-bench/target"
UNKNOWN = "unknown"


def peer_home():
    return os.environ.get("PEER_HOME") or os.path.expanduser("~/.cache/hicache-peer")


@functools.cache
def java_command():
    class_path = (JAVA_BENCH / "classpath.txt").read_text().strip()
    return [
        f"{os.environ['JAVA_HOME']}/bin/java", "-Xmx1g", "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
        "--enable-native-access=ALL-UNNAMED", "-cp", f"{JAVA_BENCH}/classes:{class_path}",
    ]  # fmt: skip


def output_of(*command):
    """What a command prints; UNKNOWN where there is no such program or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return (done.stdout or done.stderr).strip()


def first_match(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else UNKNOWN


def describe(folders):
    """What a reader needs to judge the figures; nothing of it names a person, a host or a folder."""
    about = {
        "cpu": first_match(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text()),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", UNKNOWN),
        "commit": output_of("git", "rev-parse", "--short", "HEAD")
        + (", changed" if output_of("git", "status", "--porcelain", "--untracked-files=no") else ""),
        "nixl": first_match(r"^nixl-\w+==(\S+)", (ROOT / "scripts/requirements/nixl-cu12.txt").read_text()),
        "sglang": ", ".join(sorted(path.name.removeprefix("sglang-") for path in pathlib.Path(peer_home()).glob("sglang-*"))),
        "fio": output_of("fio", "--version").removeprefix("fio-"),
        "jdk": first_match(r"Runtime Environment .*\(build (.*)\)", output_of(f"{os.environ['JAVA_HOME']}/bin/java", "-version")),
        "python": platform.python_version(),
    }
    about["file_systems"] = {kind: mount_of(path) for kind, path in folders.items()}
    return about


def mount_of(path):
    columns = ["--noheadings", "--raw", "--output", "FSTYPE,OPTIONS,SIZE", "--target", str(path)]
    return output_of("findmnt", *columns).splitlines()[-1]  # what was mounted last hides the others
