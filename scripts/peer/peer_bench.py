#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the peer, SGLang's HiCacheNixl (NIXL POSIX plugin), as SGLang drives it.

  peer_bench.py --pages N --page-bytes B --batch K --dir D --mode v1|v1copy|v0api|v0ctl
                [--odirect 0|1] [--model mha|mla] [--layers L] [--io aio|uring|posix_aio|default]
                [--rounds R] [--drop 0|1] [--sync 0|1] [--verify 0|1] [--turns]

One JSON object on stdout; with --turns one for every line of standard input, each of R
rounds, and "ready" before the first.  The peer's own files are imported unchanged from the unpacked
wheels, see connector.py.

modes
  v1      today's path: batch_set_v1 / batch_get_v1 / batch_exists, page_first host pool,
          zero-copy, host pool pre-registered once.  What _page_backup / _page_transfer /
          _storage_hit_query of cache_controller.py call, in batches of --batch
          (SGLang's own STORAGE_BATCH_SIZE is 128).
  v1copy  same, layer_first host pool: every page goes through the bounce buffer.
  v0api   the v0 API (sglang 0.5.12): batch_set(keys, tensors) / batch_get(keys, tensors),
          one contiguous CPU tensor per page.  Buffered I/O only.
  v0ctl   the v0 API with the page copies the v0 controller did around it
          (get_data_page -> batch_set; dummy pages -> batch_get -> set_from_flat_data_page).

A page of --page-bytes is one logical page: K and V together for mha (two files in v1),
the single latent for mla (one file).  Every round uses fresh keys; the files of a round are
deleted, untimed, after it.  All figures: GiB = 2**30 bytes of page payload.
"""
import argparse, hashlib, json, logging, os, statistics, sys, time
from importlib import metadata

ap = argparse.ArgumentParser()
ap.add_argument("--pages", type=int, default=128)
ap.add_argument("--page-bytes", type=int, default=8 << 20)
ap.add_argument("--batch", type=int, default=128)
ap.add_argument("--dir", required=True)
ap.add_argument("--mode", choices=["v1", "v1copy", "v0api", "v0ctl"], default="v1")
ap.add_argument("--odirect", type=int, choices=[0, 1], default=1)
ap.add_argument("--model", choices=["mha", "mla"], default="mha")
ap.add_argument("--layers", type=int, default=0, help="0: 32 when it divides the page, else 1")
ap.add_argument("--page-tokens", type=int, default=64)
ap.add_argument("--io", choices=["default", "aio", "uring", "posix_aio"], default="default")
ap.add_argument("--rounds", type=int, default=5)
ap.add_argument("--warmup", type=int, default=1)
ap.add_argument("--drop", type=int, default=0, help="1: drop the page cache of the files before get")
ap.add_argument("--sync", type=int, default=0, help="1: also time fsync of every file after set")
ap.add_argument("--verify", type=int, default=1)
ap.add_argument("--pool-mib", type=int, default=2048, help="largest host pool; pages wrap around in it")
ap.add_argument("--home", default=os.environ.get("PEER_HOME", os.path.expanduser("~/.cache/hicache-peer")))
ap.add_argument("--sglang", default="", help="unpacked wheel; default by mode")
ap.add_argument("--turns", action="store_true", help="measure once for every line of standard input, until its end")
ap.add_argument("--log", default="ERROR")
a = ap.parse_args()
logging.basicConfig(level=a.log, stream=sys.stderr)
os.environ.setdefault("NIXL_LOG_LEVEL", "ERROR")
if a.mode.startswith("v0"):
    a.odirect = 0

import torch  # noqa: E402

import connector  # noqa: E402

version = connector.OLD if a.mode.startswith("v0") else connector.NEW
torch.set_num_threads(1)
peer = connector.Connector(a.home, version, a.sglang)
hs = peer.storage

# ---- a host pool with the peer's own page methods (taken from today's wheel) ------------
T, B = a.page_tokens, a.page_bytes
two = 2 if a.model == "mha" else 1
dtype = torch.bfloat16
L = a.layers or (32 if B % (two * T * 32 * 2 * 8) == 0 else 1)
if B % (two * T * L * dtype.itemsize):
    sys.exit("page-bytes must be a multiple of %d" % (two * T * L * dtype.itemsize))
W = B // (two * T * L * dtype.itemsize)  # elements per token, layer and component
P = min(a.pages, max(a.batch, (a.pool_mib << 20) // B // a.batch * a.batch))
H = 8 if W % 8 == 0 else 1


class Pool(peer.pool_base(a.model)):
    layout = "page_first" if a.mode == "v1" else "layer_first"
    page_size = logical_page_size = T
    dcp_size, pin_memory, device = 1, False, "cpu"
    layer_num, head_num, head_dim, kv_cache_dim = L, H, W // H, W

    def __init__(self):
        self.dtype, self.size, self.page_num = dtype, P * T, P
        self.logical_size = self.size
        if a.model == "mha":
            tail = (self.head_num, self.head_dim)
            dims = (2, self.size, L, *tail) if self.layout == "page_first" else (2, L, self.size, *tail)
        else:
            dims = (self.size, L, 1, W) if self.layout == "page_first" else (L, self.size, 1, W)
        self.kv_buffer = peer.alloc_mmap(dims, dtype)


pool = Pool()
raw = pool.kv_buffer.view(torch.int16).view(-1)
raw.random_(-30000, 30000)
golden = raw.clone() if a.verify else None
assert pool.kv_buffer.numel() * dtype.itemsize == P * B

# ---- the backend --------------------------------------------------------------------------
os.makedirs(a.dir, exist_ok=True)
posix = {} if a.io == "default" else {f"use_{a.io}": "true"}
extra = {} if a.mode.startswith("v0") else dict(use_direct_io=bool(a.odirect), l3_cleaner_enabled=False)
be = peer.open([a.dir], "bench/model", a.model == "mla", pool.layout == "page_first", posix=posix, **extra)
be.register_mem_pool_host(pool)
if a.mode == "v1":
    assert be.is_zero_copy, "zero copy refused (alignment)"

Info = hs.HiCacheStorageExtraInfo
starts = range(0, a.pages, a.batch)


def indices(i, n):
    return torch.arange((i % P) * T, (i % P + n) * T, dtype=torch.int64)


if a.mode.startswith("v0"):
    flat = [torch.empty(B // dtype.itemsize, dtype=dtype) for _ in range(P)]
    for i in range(P):
        flat[i].copy_(pool.get_data_page(i * T))
    dst = [torch.zeros_like(t) for t in flat]


def page_set(keys, i):  # -> all ok
    n = len(keys)
    if a.mode in ("v1", "v1copy"):
        return all(be.batch_set_v1(keys, indices(i, n), Info()))  # _page_set_zero_copy
    if a.mode == "v0ctl":
        idx = indices(i, n)
        return be.batch_set(keys, [pool.get_data_page(idx[j * T]) for j in range(n)])  # _generic_page_set
    return be.batch_set(keys, flat[i % P : i % P + n])


def page_get(keys, i):
    n = len(keys)
    if a.mode in ("v1", "v1copy"):
        return all(be.batch_get_v1(keys, indices(i, n), Info()))  # _page_get_zero_copy
    if a.mode == "v0ctl":
        idx = indices(i, n)
        pages = be.batch_get(keys, [pool.get_dummy_flat_data_page() for _ in keys])  # _generic_page_get
        if any(p is None for p in pages):
            return False
        for j in range(n):
            pool.set_from_flat_data_page(idx[j * T], pages[j])
        return True
    return all(p is not None for p in be.batch_get(keys, dst[i % P : i % P + n]))


def files():
    for base, _, names in os.walk(a.dir):
        for n in names:
            yield os.path.join(base, n)


def timed(fn):
    c0, t0 = time.process_time(), time.perf_counter()
    ok = fn()
    return time.perf_counter() - t0, time.process_time() - c0, ok


res = {k: [] for k in ("set", "get", "exists", "exists_miss", "fsync")}
cpu = {k: [] for k in res}
calls = {k: [] for k in ("set", "get")}  # seconds of each batch
verified = None


def each(name, call, chunks):
    """Calls for every batch, and notes what each took; True when all are good."""
    good = True
    for i, k in chunks:
        t0 = time.perf_counter()
        good &= call(k, i)
        calls[name].append(time.perf_counter() - t0)
    return good


def flush():
    for f in files():
        fd = os.open(f, os.O_RDONLY)
        os.fsync(fd)
        if a.drop:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
    return True


def one_round(number):
    global verified
    keys = [hashlib.sha256(f"{os.getpid()}-{number}-{i}".encode()).hexdigest() for i in range(a.pages)]
    chunks = [(i, keys[i : i + a.batch]) for i in starts]
    wall = {}
    wall["set"] = timed(lambda: each("set", page_set, chunks))
    if a.sync or a.drop:
        wall["fsync"] = timed(flush)
    wall["exists"] = timed(lambda: sum(be.batch_exists(keys[i : i + 128], Info()) for i in range(0, a.pages, 128)) == a.pages)
    none = [k[::-1] for k in keys]
    wall["exists_miss"] = timed(lambda: sum(be.batch_exists(none[i : i + 128], Info()) for i in range(0, a.pages, 128)) == 0)
    for target in dst if a.mode == "v0api" else [raw]:
        target.zero_()
    wall["get"] = timed(lambda: each("get", page_get, chunks))
    if a.verify:
        if a.mode == "v0api":
            verified = all(torch.equal(x.view(torch.int16), y.view(torch.int16)) for x, y in zip(flat, dst))
        else:
            verified = bool(torch.equal(raw, golden))
    for k, (w, c, ok) in wall.items():
        assert ok, f"round {number}: {k} failed"
        res[k].append(w)
        cpu[k].append(c)
    assert verified in (None, True), "data read back differs"
    for f in list(files()):
        os.unlink(f)


def forget():
    for samples in (res, cpu, calls):
        for of in samples.values():
            of.clear()


total = a.pages * B / 2**30


def summary(k):
    w, c = res[k], cpu[k]
    if not w:
        return None
    rate = sorted(a.pages / x for x in w)
    out = {"pages_s": {"min": round(rate[0], 1), "median": round(statistics.median(rate), 1), "max": round(rate[-1], 1)},
           "us_per_page_median": round(statistics.median(w) / a.pages * 1e6, 2),
           "cpu_us_per_page_median": round(statistics.median(c) / a.pages * 1e6, 2)}
    if k in calls:
        out["call_us_median"] = round(statistics.median(calls[k]) * 1e6, 2)
    if not k.startswith("exists"):
        g = sorted(total / x for x in w)
        out["gib_s"] = {"min": round(g[0], 3), "median": round(statistics.median(g), 3), "max": round(g[-1], 3)}
    return out


def report():
    print(json.dumps({
        "peer": "sglang HiCacheNixl", "sglang": os.path.basename(peer.root), "nixl": metadata.version("nixl-cu12"),
        "torch": torch.__version__, "mode": a.mode, "model": a.model, "pages": a.pages, "page_bytes": B, "batch": a.batch,
        "odirect": a.odirect, "io": a.io, "zero_copy": bool(be.is_zero_copy) if a.mode.startswith("v1") else None, "layers": L,
        "pool_pages": P, "dir": a.dir, "drop": a.drop, "rounds": a.rounds, "warmup": a.warmup, "verified": verified,
        **{k: summary(k) for k in res if res[k]},
    }), flush=True)


done = 0


def turn(rounds):
    global done
    forget()
    for _ in range(rounds):
        one_round(done)
        done += 1


turn(a.warmup)
if a.turns:
    print("ready", flush=True)
    for _ in sys.stdin:
        turn(a.rounds)
        report()
else:
    turn(a.rounds)
    report()
