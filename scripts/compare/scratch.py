# SPDX-License-Identifier: Apache-2.0
"""Folders of a run, one on tmpfs and one on a disk, removed at its end."""
import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile


def type_of(path):
    """The name of the file system that a path is on."""
    return subprocess.run(["stat", "-f", "-c", "%T", path], check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def folders(tmpfs, disk):
    """Yields {"tmpfs": path, "disk": path}."""
    made = {}
    try:
        for kind, parent in (("tmpfs", tmpfs), ("disk", disk)):
            parent.mkdir(parents=True, exist_ok=True)
            made[kind] = pathlib.Path(tempfile.mkdtemp(prefix="hicache-compare.", dir=parent))
            if (type_of(made[kind]) == "tmpfs") != (kind == "tmpfs"):
                sys.exit(f"--dir-{kind} {parent} is {'not ' if kind == 'tmpfs' else ''}on tmpfs")
        yield made
    finally:
        for path in made.values():
            shutil.rmtree(path)
