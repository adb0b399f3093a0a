#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes or reads pages with SGLang's connector: the peer's side of scripts/interop-sglang.sh.

  interop.py [--home DIR] [--sglang 0.5.23] [command]

A command is `write` or `read` with the options below. Without one in the arguments, commands are read from standard input,
one a line. Each is answered by one line of JSON, {"error": "..."} when it could not be carried out. The Java side,
InteropPeer, takes the same commands and answers alike.

  write   {"true": pages that the connector says are stored}
  read    {"exists": batch_exists of the keys, "exists_then_missing": the same with a key that nobody wrote at the end,
           "exists_missing_first": with it at the start, "true": pages that a get says are there, "equal": how many of those
           are the expected bytes, element by element, "untouched": whether the rest of the pool is as it was}
"""
import argparse, json, logging, os, shlex, sys

import torch

import connector, pages

MISSING = "interop-missing"


def options():
    parser = argparse.ArgumentParser(exit_on_error=False)
    add = parser.add_argument
    add("action", choices=["write", "read"])
    add("--dirs", required=True, help="base directories, commas between them")
    add("--api", choices=["v1", "v0"], default="v1", help="v1: a registered pool; v0: one tensor for each page, sglang 0.5.12")
    add("--model", choices=["mha", "mla"], default="mha")
    add("--layout", choices=list(pages.TO_CANONICAL), default="page_first")
    add("--dtype", default="bfloat16", help="torch's name")
    for name, default in dict(layers=4, tokens=16, heads=4, dim=32, pages=40, first=0, pool_pages=48, tp_rank=0, tp_size=1, direct=1,
                              seed=1).items():
        add("--" + name.replace("_", "-"), type=int, default=default)
    return parser


class Pool:
    """Pages in a registered host pool, moved by batch_set_v1 and batch_get_v1."""

    def __init__(self, peer, command):
        self.pool = pages.make_pool(peer, command)
        self.slots = [pages.slot(i, command.pool_pages) for i in range(command.pages)]
        tokens = command.tokens
        self.indices = torch.cat([torch.arange(s * tokens, (s + 1) * tokens, dtype=torch.int64) for s in self.slots])
        self.info = peer.storage.HiCacheStorageExtraInfo()

    def register(self, store):
        store.register_mem_pool_host(self.pool)

    def view(self, i):
        return pages.page_view(self.pool, self.slots[i])

    def set(self, store, keys):
        return store.batch_set_v1(keys, self.indices, self.info)

    def get(self, store, keys):
        return store.batch_get_v1(keys, self.indices, self.info)

    def untouched(self):
        for i in self.slots:
            pages.page_view(self.pool, i).fill_(pages.BLANK)
        return bool((pages.bytes_of(self.pool) == pages.BLANK).all())


class Tensors:
    """A tensor for each page, moved by batch_set and batch_get."""

    def __init__(self, peer, command):
        self.pages = [torch.empty(pages.page_bytes(command), dtype=torch.uint8).fill_(pages.BLANK) for _ in range(command.pages)]
        self.tensors = [page.view(getattr(torch, command.dtype)) for page in self.pages]

    def register(self, store):
        pass

    def view(self, i):
        return self.pages[i]

    def set(self, store, keys):
        return [store.batch_set(keys, self.tensors)] * len(keys)

    def get(self, store, keys):
        return [page is not None for page in store.batch_get(keys, self.tensors)]

    def untouched(self):
        return True


def run(peer, command):
    memory = (Pool if command.api == "v1" else Tensors)(peer, command)
    keys = [pages.key(command.first + i) for i in range(command.pages)]
    extra = dict(use_direct_io=bool(command.direct), l3_cleaner_enabled=False) if command.api == "v1" else {}
    page_first = command.layout.startswith("page_first")
    store = peer.open(command.dirs.split(","), "interop/model", command.model == "mla", page_first, command.tp_rank, command.tp_size,
                      **extra)
    expected = [pages.page_stream(command.seed, k, pages.rank_of(command), pages.page_bytes(command)) for k in keys]
    memory.register(store)
    try:
        if command.action == "write":
            for i, stream in enumerate(expected):
                memory.view(i).copy_(stream.view(memory.view(i).shape))
            return {"true": sum(memory.set(store, keys))}
        answer = {"exists": store.batch_exists(keys), "exists_then_missing": store.batch_exists([*keys, MISSING]),
                  "exists_missing_first": store.batch_exists([MISSING, *keys])}
        hits = memory.get(store, keys)
        answer["true"] = sum(hits)
        answer["equal"] = sum(hit and torch.equal(memory.view(i), expected[i].view(memory.view(i).shape)) for i, hit in enumerate(hits))
        answer["untouched"] = memory.untouched()
        return answer
    finally:
        if hasattr(store, "close"):
            store.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--home", default=os.environ.get("PEER_HOME", os.path.expanduser("~/.cache/hicache-peer")))
    arguments.add_argument("--sglang", default=connector.NEW)
    own, command = arguments.parse_known_args()
    logging.basicConfig(level="ERROR", stream=sys.stderr)
    os.environ.setdefault("NIXL_LOG_LEVEL", "ERROR")
    torch.set_num_threads(1)
    peer = connector.Connector(own.home, own.sglang)
    failed = False
    for line in [command] if command else sys.stdin:
        try:
            answer = run(peer, options().parse_args(line if command else shlex.split(line)))
        except Exception as e:  # the answer says so, and the next command may do better
            logging.exception("command failed: %s", line)
            answer, failed = {"error": f"{type(e).__name__}: {e}"}, True
        print(json.dumps(answer), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
