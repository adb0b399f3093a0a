#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build empty stand-ins for the big CUDA libraries that a CUDA build of torch is
linked against, so that `import torch` works for CPU tensors without gigabytes of
nvidia packages.  Every stub function returns 0; only the CPU side of torch may be
used.  The real (small) CUDA runtime is NOT stubbed: install nvidia-cuda-runtime.

usage: mk_cuda_stubs.py <site-packages>
"""
import os, re, subprocess, sys, tempfile

site = sys.argv[1]
lib = os.path.join(site, "torch", "lib")
REAL = ("libcudart.so",)          # provided by a real package
out = os.path.join(site, "torch", "lib")  # $ORIGIN of the torch libs: always searched

def sh(*a):
    return subprocess.run(a, capture_output=True, text=True).stdout

libs = [f for f in os.listdir(lib) if re.match(r"lib.*\.so(\.\d+)*$", f)]
needed, undef, defined = set(), set(), set()
for f in libs:
    p = os.path.join(lib, f)
    for m in re.finditer(r"NEEDED.*\[(.*?)\]", sh("readelf", "-dW", p)):
        needed.add(m.group(1))
    for line in sh("nm", "-D", p).splitlines():
        parts = line.split()
        if len(parts) == 2 and parts[0] in ("U",):
            undef.add(parts[1])
        elif len(parts) == 3:
            defined.add(parts[2].split("@")[0])
want = {}
CUDA = re.compile(r"lib(cu(sparseLt|sparse|fft|file|blasLt|blas|dnn|pti|solver|rand)|nccl|nvrtc|nvJitLink|nvshmem_host|nvToolsExt)\b")
for n in needed:
    if CUDA.match(n) and not n.startswith(REAL):
        want[n] = {"ver": {}, "plain": set()}
PFX = {"libnccl": ("nccl",), "libcusparseLt": ("cusparseLt",), "libcufile": ("cuFile",), "libnvshmem_host": ("nvshmem",),
       "libcupti": ("cupti",), "libcusolver": ("cusolver",), "libnvrtc": ("nvrtc",)}
# who needs which version of which library
verneed = {}
for f in libs:
    cur = None
    for line in sh("readelf", "-VW", os.path.join(lib, f)).splitlines():
        m = re.search(r"Version: 1\s+File: (\S+)", line)
        if m: cur = m.group(1)
        m = re.search(r"Name: (\S+)\s+Flags", line)
        if m and cur in want: want[cur]["ver"].setdefault(m.group(1), set()); verneed[m.group(1)] = cur
for u in undef:
    name, _, ver = u.partition("@")
    ver = ver.lstrip("@")
    if ver in verneed:
        want[verneed[ver]]["ver"][ver].add(name)
    elif not ver and name not in defined:
        for n in want:
            for stem, pfx in PFX.items():
                if n.startswith(stem + ".so") and name.startswith(pfx):
                    want[n]["plain"].add(name)
for n, d in sorted(want.items()):
    if os.path.exists(os.path.join(out, n)):
        continue
    with tempfile.TemporaryDirectory() as t:
        c, m = os.path.join(t, "s.c"), os.path.join(t, "s.map")
        syms = set(d["plain"])
        for s in d["ver"].values(): syms |= s
        with open(c, "w") as fh:
            fh.write("typedef unsigned long ul;\n")
            for s in sorted(syms):
                fh.write(f"ul {s}(void) {{ return 0; }}\n")
        cmd = ["gcc", "-shared", "-fPIC", "-w", "-fno-builtin", "-O1", "-o", os.path.join(out, n), c, f"-Wl,-soname,{n}"]
        if d["ver"]:
            with open(m, "w") as fh:
                for v, s in d["ver"].items():
                    fh.write(f"{v} {{ global: {' '.join(x + ';' for x in sorted(s))} }};\n")
            cmd.append(f"-Wl,--version-script,{m}")
        subprocess.run(cmd, check=True)
        print("stub", n, len(syms), "symbols")
