# SPDX-License-Identifier: Apache-2.0
"""What is measured: each row is one kind of work, done by several contestants in turn."""
import dataclasses
import re
from typing import Callable

from compare import objects
from compare.contestants import Jmh, NativeBench, Serving
from compare.index import FilledIndex

KIB, MIB = 1 << 10, 1 << 20
LAYOUTS = ("segments", "files")
TEN_THOUSAND, TEN_MILLION = 10**4, 10**7


@dataclasses.dataclass(frozen=True)
class Row:
    """contestants: makes them, for a folder of their own. on_request: only where --only names it."""

    name: str
    file_system: str
    contestants: Callable
    shape: dict
    on_request: bool = False


def chosen(only, quick, peer):
    return [
        row
        for row in all_rows(quick, peer)
        if re.search(only, row.name) and (not row.on_request or only)
    ]


def all_rows(quick, peer):
    less = 4 if quick else 1
    yield connector("tmpfs-72KiB-b128", "tmpfs", 72 * KIB, 4096 // less, 128, peer=peer)
    yield connector("tmpfs-256KiB-b128", "tmpfs", 256 * KIB, 1024 // less, 128, peer=peer)
    yield connector("tmpfs-8MiB-b64", "tmpfs", 8 * MIB, 64, 64, peer=peer)
    yield connector("tmpfs-72KiB-b1", "tmpfs", 72 * KIB, 1024 // less, 1, peer=peer)
    yield connector("disk-256KiB-b128-buffered", "disk", 256 * KIB, 1024 // less, 128, peer=peer)
    yield connector("disk-256KiB-b128-direct", "disk", 256 * KIB, 1024 // less, 128, direct=True, peer=peer)
    for name, page_bytes in (("72KiB", 72 * KIB), ("256KiB", 256 * KIB), ("8MiB", 8 * MIB)):
        pages = 512 * MIB // less // page_bytes
        yield native(f"fio-{name}", "disk", page_bytes, pages, {f"native {of}": ["--fio", "--layout", of] for of in LAYOUTS})
    for checksum in (0, 1):
        yield native(
            f"plain-72KiB-checksum{checksum}",
            "tmpfs",
            72 * KIB,
            4096 // less,
            {f"native {of}": ["--plain", "--layout", of, "--checksum", str(checksum)] for of in LAYOUTS},
        )
    for name, page_bytes in (("72KiB", 72 * KIB), ("256KiB", 256 * KIB)):
        yield native(
            f"lanes-{name}",
            "tmpfs",
            page_bytes,
            256 * MIB // less // page_bytes,
            {f"native {of}, {n} lanes": ["--layout", of, "--lanes", str(n)] for of in LAYOUTS for n in (1, 2)},
        )
    yield java_over_native(quick)
    yield index(TEN_MILLION // (100 if quick else 1))
    yield in_bucket("objects-72KiB-b128", 72 * KIB, 512 // less, 128)
    yield in_bucket("objects-72KiB-b1", 72 * KIB, 64 // less, 1)
    yield in_bucket("objects-8MiB-b16", 8 * MIB, 32 // less, 16)


def connector(name, file_system, page_bytes, pages, batch, direct=False, peer=True):
    """Ours in Java and native, both layouts, against the peer: one set of pages, asked for, read back, removed."""
    rounds = 1 if page_bytes >= 8 * MIB else 3
    shape = {"page_bytes": page_bytes, "pages": pages, "batch": batch, "direct": direct}

    def contestants(folder):
        modes = ([m for m in ("v1", "v1copy", "v0api") if not (direct and m == "v0api")]) if peer else []
        for mode in modes:
            yield Serving.peer(f"peer {mode}", mode, folder, shape, rounds)
        for layout in LAYOUTS:
            yield Serving.java(f"java {layout}", layout, folder, shape, rounds)
        more = ["--memory_pages", str(pages), *([] if direct else ["--no-direct"])]  # as much memory as the others have
        for layout in LAYOUTS:
            yield NativeBench(f"native {layout}", folder, shape, ["--layout", layout, *more])

    return Row(name, file_system, contestants, shape)


def native(name, file_system, page_bytes, pages, arguments):
    """The native store alone, moving the memory of one batch, once for each entry of arguments; --fio and --plain are measured
    beside it."""
    shape = {"page_bytes": page_bytes, "pages": pages, "batch": min(128, pages), "direct": file_system == "disk"}
    return Row(
        name, file_system, lambda folder: [NativeBench(each, folder, shape, more) for each, more in arguments.items()], shape
    )


def java_over_native(quick):
    """The same calls through Java, by JMH, and through the C API: the median of a call, and the garbage that Java makes."""
    shape = {"page_bytes": 72 * KIB, "pages": 1024, "batch": 128, "direct": False}
    seconds = 0.3 if quick else 1
    garbage_seconds = 3 * seconds  # what JMH makes itself counts less

    def contestants(folder):
        yield Jmh("java segments", ".*", "segments", "tensors", folder, seconds)
        yield Jmh("java segments, addresses", "batch[SG]et", "segments", "addresses", folder, garbage_seconds)
        for batch, name in ((128, "batch"), (1, "single")):
            more = ["--layout", "segments", "--duration", str(seconds)]
            one_batch = {**shape, "batch": batch}
            yield NativeBench("native segments", folder, one_batch, more, prefix=name, warm_up=4096 // batch, apart=True)

    return Row("java-over-native", "tmpfs", contestants, shape)


def in_bucket(name, page_bytes, pages, batch):
    """Ours over objects against the AWS SDK, both over the tests' S3 server on this machine."""
    shape = {"page_bytes": page_bytes, "pages": pages, "batch": batch}
    return Row(name, "disk", lambda folder: list(objects.contestants(folder, shape)), shape, on_request=True)


def index(keys):
    """How the number of keys tells on exists and on opening. Pages hold no bytes."""
    return Row(
        "index",
        "disk",
        lambda folder: [FilledIndex(f"{count} keys", folder, count) for count in (TEN_THOUSAND, keys)],
        {"page_bytes": 0, "batch": 128},
        on_request=True,
    )
