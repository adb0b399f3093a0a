# SPDX-License-Identifier: Apache-2.0
"""Pages whose every byte follows from a seed, and a host pool to hold them: SGLang's side of scripts/interop-sglang.sh.

The same is written in Java, InteropPages.java; neither side sees the other's memory. The bytes of a page, in the order
kind (K, V), layer, token, head, element, are the words of SplitMix64, little end first:

  start   = the first 8 bytes, big end first, of SHA-256("<seed>|<key>|<rank>")
  word(i) = mix(start + (i + 1) * 0x9e3779b97f4a7c15), i = byte offset / 8
  mix(z)  : z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9; z = (z ^ z >> 27) * 0x94d049bb133111eb; z ^ z >> 31

A pool orders them by its layout, so what is compared is each element's place and not only a file's bytes. Page i of a
command lies in slot (7 * i + 3) modulo the pool's number of pages, which must not be a multiple of 7.
"""
import hashlib

import numpy as np
import torch

BLANK = 0xA5  # what a pool holds before a read
TO_CANONICAL = {  # the dimensions of a page in a pool -> kind, layer, token, head, element
    "layer_first": (0, 1, 2, 3, 4),
    "page_first": (0, 2, 1, 3, 4),
    "page_first_direct": (0, 1, 2, 3, 4),
    "page_head": (0, 3, 2, 1, 4),
}


def key(i):
    return hashlib.sha256(f"interop-{i}".encode()).hexdigest()


def page_stream(seed, page_key, rank, count):
    """count bytes, a multiple of 8, as a tensor of uint8."""
    start = int.from_bytes(hashlib.sha256(f"{seed}|{page_key}|{rank}".encode()).digest()[:8], "big")
    with np.errstate(over="ignore"):
        z = np.uint64(start) + np.arange(1, count // 8 + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return torch.from_numpy(z.astype("<u8").view(np.uint8))


def slot(i, pool_pages):
    return (7 * i + 3) % pool_pages


def make_pool(peer, shape):
    """A host pool with SGLang's page methods. shape: the options of a command, see interop.py."""
    size = shape.pool_pages * shape.tokens
    dims = {
        "layer_first": (shape.layers, size, shape.heads, shape.dim),
        "page_first": (size, shape.layers, shape.heads, shape.dim),
        "page_first_direct": (shape.pool_pages, shape.layers, shape.tokens, shape.heads, shape.dim),
        "page_head": (shape.pool_pages, shape.heads, shape.tokens, shape.layers, shape.dim),
    }[shape.layout]
    pool = peer.pool_base(shape.model)()
    pool.layout, pool.dtype = shape.layout, getattr(torch, shape.dtype)
    pool.page_size = pool.logical_page_size = shape.tokens
    pool.dcp_size, pool.pin_memory, pool.device = 1, False, "cpu"
    pool.size, pool.page_num, pool.logical_size = size, shape.pool_pages, size
    pool.layer_num, pool.head_num, pool.head_dim, pool.kv_cache_dim = shape.layers, shape.heads, shape.dim, shape.dim
    pool.has_kinds = shape.model == "mha"
    pool.kv_buffer = peer.alloc_mmap((2, *dims) if pool.has_kinds else dims, pool.dtype)
    bytes_of(pool).fill_(BLANK)
    return pool


def bytes_of(pool):
    return pool.kv_buffer.view(torch.uint8)


def page_view(pool, i):
    """The page in slot i as bytes, (kinds, layers, tokens, heads, bytes of a head); not a copy."""
    buffer = bytes_of(pool)
    if not pool.has_kinds:
        buffer = buffer.unsqueeze(0)
    tokens = pool.page_size
    page = {
        "layer_first": lambda: buffer[:, :, i * tokens : (i + 1) * tokens],
        "page_first": lambda: buffer[:, i * tokens : (i + 1) * tokens],
        "page_first_direct": lambda: buffer[:, i],
        "page_head": lambda: buffer[:, i],
    }[pool.layout]()
    return page.permute(TO_CANONICAL[pool.layout])


def page_bytes(shape):
    itemsize = getattr(torch, shape.dtype).itemsize
    return (2 if shape.model == "mha" else 1) * shape.layers * shape.tokens * shape.heads * shape.dim * itemsize


def rank_of(shape):
    """Whose bytes a page has: with MLA all ranks have the same."""
    return 0 if shape.model == "mla" else shape.tp_rank
