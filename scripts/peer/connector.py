# SPDX-License-Identifier: Apache-2.0
"""SGLang's connector without SGLang: its own files, imported unchanged from the wheels that setup.sh unpacked.

Only modules that the connector names and does not need are stubs. One process can load one version.
"""
import ast, importlib, math, mmap, os, resource, sys, types

import torch

NEW, OLD = "0.5.23", "0.5.12"  # today's; the last one with the v0 API
PAGE_METHODS = ["get_data_page", "get_dummy_flat_data_page", "set_from_flat_data_page", "get_page_buffer_meta", "is_stride_page_aligned"]
POOL_CLASSES = {  # model -> file, class, page methods
    "mha": ("mha.py", "MHATokenToKVPoolHost", PAGE_METHODS),
    "mla": ("mla.py", "MLATokenToKVPoolHost", PAGE_METHODS + ["_storage_page_index"]),
}


class HostKVCache:  # only used by the connector as a type annotation
    pass


def module(name, path=None, **attrs):
    m = types.ModuleType(name)
    if path:
        m.__path__ = [path]
    m.__dict__.update(attrs)
    sys.modules[name] = m
    return m


class Connector:
    """One version of the connector.

    storage, nixl: its modules hicache_storage and hicache_nixl; alloc_mmap(dims, dtype): a page-aligned tensor.
    """

    def __init__(self, home, version=NEW, root=None):
        """home: where setup.sh installed to; root: another unpacked wheel than home/sglang-<version>."""
        import nixl_cu12, nixl_cu12._api, nixl_cu12._bindings

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 20), hard))
        self.home = home
        self.root = root or os.path.join(home, f"sglang-{version}")
        sys.modules["nixl"] = nixl_cu12
        sys.modules["nixl._api"] = nixl_cu12._api
        sys.modules["nixl._bindings"] = nixl_cu12._bindings
        module("sglang", os.path.join(self.root, "sglang"))
        module("sglang.srt", os.path.join(self.root, "sglang/srt"))
        cache = os.path.join(self.root, "sglang/srt/mem_cache")
        module("sglang.srt.mem_cache", cache)
        module("sglang.srt.mem_cache.pool_host", os.path.join(cache, "pool_host"), HostKVCache=HostKVCache)
        module("sglang.srt.mem_cache.memory_pool_host", HostKVCache=HostKVCache)
        self.storage = importlib.import_module("sglang.srt.mem_cache.hicache_storage")
        self.nixl = importlib.import_module("sglang.srt.mem_cache.storage.nixl.hicache_nixl")
        try:
            self.alloc_mmap = importlib.import_module("sglang.srt.mem_cache.storage.mmap").alloc_mmap
        except ImportError:  # older wheels
            self.alloc_mmap = own_mmap

    def pool_base(self, model):
        """A class with the page methods of today's host pool for the model, and nothing else."""
        file, cls, names = POOL_CLASSES[model]
        path = os.path.join(self.home, f"sglang-{NEW}/sglang/srt/mem_cache/pool_host", file)
        tree = ast.parse(open(path).read())
        node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls)
        methods = [f for f in node.body if isinstance(f, ast.FunctionDef) and f.name in names]
        assert {f.name for f in methods} == set(names), (names, [f.name for f in methods])
        scope = {"torch": torch}
        exec(compile(ast.Module(body=methods, type_ignores=[]), path, "exec"), scope)
        return type(f"{model.capitalize()}Pool", (), {name: scope[name] for name in names})

    def open(self, dirs, model_name, mla, page_first, tp_rank=0, tp_size=1, posix=None, **extra):
        """A HiCacheNixl on the POSIX plugin. dirs: base directories; posix, extra: of its extra_config."""
        os.environ["SGLANG_HICACHE_NIXL_BACKEND_STORAGE_DIR"] = ",".join(dirs)
        config = dict(tp_rank=tp_rank, tp_size=tp_size, pp_rank=0, pp_size=1, attn_cp_rank=0, attn_cp_size=1, is_mla_model=mla,
                      enable_storage_metrics=False, is_page_first_layout=page_first, model_name=model_name,
                      extra_config={"plugin": {"posix": {"active": True, **(posix or {})}}, **extra})
        return self.nixl.HiCacheNixl(self.storage.HiCacheStorageConfig(**config), file_path=dirs[0])


def own_mmap(dims, dtype):
    count = math.prod(dims) * torch.empty([], dtype=dtype).element_size()
    return torch.frombuffer(mmap.mmap(-1, count), dtype=dtype).reshape(dims)
