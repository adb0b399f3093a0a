#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up the peer that scripts/bench.sh measures against: SGLang's HiCacheNixl.
#
#   scripts/peer/setup.sh [DEST]     DEST: default $PEER_HOME, else ~/.cache/hicache-peer
#
# It downloads about 700 MB and takes about 2 GB on disk. What it makes:
#   DEST/bin/python             Python 3.11 venv: nixl-cu12 1.5.1, torch (CPU use only), numpy
#   DEST/sglang-0.5.23/         the parts of the sglang wheel the NIXL backend needs (today's peer)
#   DEST/sglang-0.5.12/         the last line that still has the v0 API (set/get/batch_set/batch_get)
#
# Everything comes through the ordinary pip client, one package at a time, without
# dependencies: the torch wheel is a CUDA build and would otherwise pull several GB.
# mk_cuda_stubs.py makes empty stand-ins for the CUDA math libraries (needs gcc,
# readelf, nm); only CPU tensors may be used in this venv.
#
# Wheels already downloaded can be handed in with PEER_WHEELS=dir1:dir2 .
# The sglang wheels are for Python 3.11; PEER_PYTHON names one that is not python3.11 on the PATH.
set -euo pipefail
DEST=${1:-${PEER_HOME:-$HOME/.cache/hicache-peer}}
HERE=$(cd "$(dirname "$0")" && pwd)
PY=${PEER_PYTHON:-python3.11}
SG_NEW=0.5.23
SG_OLD=0.5.12
NIXL=1.5.1
TORCH=2.15.0
DL=$DEST/wheels

FIND=()
IFS=: read -r -a dirs <<< "${PEER_WHEELS:-}"
for d in "${dirs[@]:-}"; do [ -n "$d" ] && FIND+=(--find-links "$d"); done

if [ ! -x "$DEST/bin/python" ] && ! command -v "$PY" >/dev/null; then
    echo "no $PY; name a Python 3.11 in PEER_PYTHON" >&2
    exit 1
fi
[ -x "$DEST/bin/python" ] || "$PY" -m venv "$DEST"
PIP="$DEST/bin/pip -q --disable-pip-version-check"
mkdir -p "$DL"

$PIP install "${FIND[@]}" numpy==2.4.6 filelock typing-extensions sympy networkx jinja2 fsspec psutil msgspec
$PIP install --no-deps "${FIND[@]}" "nixl-cu12==$NIXL"
$PIP install --no-deps "${FIND[@]}" "torch==$TORCH" "nvidia-cuda-runtime==13.5.37"
SITE=$("$DEST/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
"$DEST/bin/python" "$HERE/mk_cuda_stubs.py" "$SITE"

for v in $SG_NEW $SG_OLD; do
    if [ ! -d "$DEST/sglang-$v/sglang" ]; then
        $PIP download --no-deps "${FIND[@]}" -d "$DL" "sglang==$v"
        "$DEST/bin/python" - "$DL" "$v" "$DEST/sglang-$v" <<'PYEOF'
import glob, sys, zipfile
dl, v, dest = sys.argv[1:]
w = glob.glob(f"{dl}/sglang-{v}-*.whl")[0]
z = zipfile.ZipFile(w)
for n in z.namelist():
    if n.startswith("sglang/srt/mem_cache/") or n in (
        "sglang/srt/environ.py", "sglang/srt/managers/cache_controller.py",
        "sglang/srt/debug_utils/cuda_coredump.py"):
        z.extract(n, dest)
PYEOF
    fi
done
"$DEST/bin/python" - <<'PYEOF'
import torch, nixl_cu12._api
x = torch.ones(8); assert float(x.sum()) == 8
print("peer ready: torch", torch.__version__, "nixl", __import__("importlib.metadata").metadata.version("nixl-cu12"))
PYEOF
