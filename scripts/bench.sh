#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures the Java API against SGLang's NIXL connector on this machine, and prints the medians as Markdown tables.
#
#   scripts/bench.sh [--quick] [--only REGEX] [--turns N] [--dir-tmpfs DIR] [--dir-disk DIR] [--out FILE]
#                    [--layout files|segments] [--install-peer] [--without-peer]
#   scripts/bench.sh --list | --tables FILE
#   scripts/bench.sh --native [ARGUMENTS]
#   scripts/bench.sh compare [ARGUMENTS]
#
# --quick          one turn, no pages of 8 MiB: three minutes, for a first look
# --only REGEX     only the rows whose names match (bash regular expression); --list prints the names
# --turns N        how often each row is measured on each side (default 3)
# --dir-tmpfs DIR  a directory on tmpfs (default /dev/shm), --dir-disk DIR on a disk (default build/bench); a folder is made in
#                  each and removed at the end; 2 GiB must be free
# --out FILE       every result as a line of JSON (default build/bench/results.jsonl)
# --layout NAME    measures this layout of ours only; both unless set, the peer has files
# --install-peer   installs SGLang's connector first when it is missing: 700 MB to download, see scripts/peer/setup.sh
# --without-peer   measures our side only
# --tables FILE    measures nothing: prints the tables of an earlier run
# --native         builds and runs hicache_nixl_bench, which measures the core without a JVM, with these arguments; see
#                  docs/benchmarks.md. Installs fio for --fio; --filepath is build/bench/native unless it is given
# compare          all of it with goals: ours in Java and native against the peer, fio and a plain loop, as a report with plots; see
#                  docs/benchmarks.md and compare --help. compare --self-test runs its tests
#
# Each measurement is a process of its own; the sides take turns, peer, files, segments, peer, ..., in the same folder, because a disk's
# speed drifts over minutes. Every round uses fresh keys, checks every byte that comes back, and removes its files untimed.
# Settings are each side's defaults. What is compared with what, by the peer's mode:
#   v0api  batch_set and batch_get of tensors (sglang 0.5.12) against batchSet and batchGet of tensors, same file names
#   v1     batch_set_v1 and batch_get_v1 from a registered pool (sglang 0.5.23) against tensors over such a pool;
#          O_DIRECT (od1) or through the page cache (od0). A page of keys and values is two files there, one file here
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PEER=${PEER_HOME:-$HOME/.cache/hicache-peer}
BENCH=$ROOT/java/hicache-bench/target

# name|file system|bytes of a page|pages of a round|batch|peer's mode|peer's model|our mode|our naming|O_DIRECT|rounds to warm up
# the peer|rounds to warm up ours, until the JVM has compiled it|rounds
rows() {
  local fs size batch mode
  for fs in tmpfs disk; do
    for batch in 128 1; do
      for size in 72KiB 256KiB 8MiB; do
        for mode in v0api:0 v1:0 v1:1; do
          row "$fs" "$size" "$batch" "${mode%:*}" "${mode#*:}"
        done
      done
    done
  done
}

row() {
  local fs=$1 size=$2 batch=$3 mode=$4 direct=$5 bytes pages model=mha ours=pool naming=sglang warm_up=2 our_warm_up=5 rounds=7
  case $size in
    72KiB) bytes=73728 pages=1024 model=mla ;; # a layer's latent of 64 tokens of DeepSeek-V3
    256KiB) bytes=262144 pages=512 ;;
    8MiB) bytes=8388608 pages=128 warm_up=1 our_warm_up=1 rounds=3 ;; # 64 tokens of Llama-3-8B
  esac
  if [ "$batch" = 1 ]; then
    [ "$size" != 8MiB ] || return 0 # a transfer so long hides every latency
    pages=$((pages / 4)) our_warm_up=30
  fi
  if [ "$mode" = v0api ]; then ours=tensor naming=sglang-v0; fi
  echo "$fs-$size-b$batch-$mode-od$direct|$fs|$bytes|$pages|$batch|$mode|$model|$ours|$naming|$direct|$warm_up|$our_warm_up|$rounds"
}

run_peer() {
  NIXL_LOG_LEVEL=FATAL "$PEER/bin/python" "$ROOT/scripts/peer/peer_bench.py" --home "$PEER" --mode "$peer_mode" \
    --model "$peer_model" --warmup "$warm_up" "$@"
}

run_ours() {
  NIXL_LOG_LEVEL=FATAL "$JAVA_HOME/bin/java" -Xmx1g -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 \
    --enable-native-access=ALL-UNNAMED -cp "$BENCH/classes:$(cat "$BENCH/classpath.txt")" \
    io.hicache.bench.ConnectorBenchmark --layout "$layout" --mode "$our_mode" --naming "$our_naming" --warmup "$our_warm_up" "$@"
}

# measure SIDE FOLDER: one process; its JSON goes to the results, with the row and the turn.
measure() {
  local side=$1 folder=$2 layout=$1 run=run_ours result
  if [ "$side" = peer ]; then run=run_peer; fi
  if ! result=$("$run" --dir "$folder" --page-bytes "$bytes" --pages "$pages" --batch "$batch" --odirect "$direct" \
    --rounds "$rounds" 2>>"$LOG"); then
    tail -n 20 "$LOG" >&2
    die "$name, $side: the run failed; all of its output is in $LOG"
  fi
  printf '{"row": "%s", "side": "%s", "turn": %d, "result": %s}\n' "$name" "$side" "$turn" "$result" >>"$OUT"
}

install_fio() {
  if command -v fio >/dev/null; then return; fi
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then die "$1: install the package fio first, or $2"; fi
  say "installing: fio" >&2
  apt-get update -qq </dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends fio </dev/null >/dev/null
}

install_peer() {
  [ ! -x "$PEER/bin/python" ] || return 0
  $1 || die "SGLang's connector is not in $PEER: --install-peer installs it (700 MB to download), $2 goes without"
  "$ROOT/scripts/peer/setup.sh" "$PEER"
}

build_native() {
  cmake -S "$ROOT" -B "$BUILD/release" -DHICACHE_BENCH=ON --log-level=NOTICE
  cmake --build "$BUILD/release" --parallel "$JOBS" --target hicache_nixl_bench
}

build_java() {
  maven -q -DskipTests -Dmaven.javadoc.skip=true -pl java/hicache-bench -am package >/dev/null ||
    die "the build failed; mvn -DskipTests -pl java/hicache-bench -am package shows why"
}

# Runs the native benchmark in place of this script.
native() {
  local arguments=" $* "
  [[ $arguments != *" --fio "* ]] || install_fio --fio "leave --fio out"
  "$ROOT/scripts/setup.sh" >&2
  say "building" >&2
  build_native >&2
  [[ $arguments == *" --filepath"* ]] || set -- --filepath "$BUILD/bench/native" "$@"
  NIXL_LOG_LEVEL=${NIXL_LOG_LEVEL:-FATAL} exec "$BUILD/release/cpp/bench/hicache_nixl_bench" "$@"
}

# Python with what requirements/compare.txt pins, in build/compare.
compare_python() {
  local venv=$BUILD/compare requirements=$ROOT/scripts/requirements/compare.txt
  if ! cmp -s "$requirements" "$venv/.stamp"; then
    say "downloading what draws the plots" >&2
    rm -rf "$venv"
    python3 -m venv "$venv" >&2 &&
      "$venv/bin/pip" install -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: -r "$requirements" >&2 ||
      die "no Python for the comparison: it takes Python 3.11 to 3.14 with venv, and a Python package index once"
    cp "$requirements" "$venv/.stamp"
  fi
  printf '%s\n' "$venv/bin/python"
}

# Runs the comparison in place of this script.
compare() {
  local arguments=" $* " install=false python
  python=$(compare_python)
  if [[ ! $arguments =~ \ (-h|--help|--list)\  ]]; then
    [[ $arguments != *" --install-peer "* ]] || install=true
    [[ $arguments =~ \ --(no-peer|self-test)\  ]] || install_peer "$install" --no-peer
    install_fio compare "name the rows without it: --only tmpfs"
    if [[ $arguments != *" --no-build "* ]]; then
      "$ROOT/scripts/setup.sh"
      say "building"
      build_native
      build_java
    fi
    JAVA_HOME=$(find_jdk)
    export JAVA_HOME PEER_HOME=$PEER
  fi
  export PYTHONPATH=$ROOT/scripts
  if [[ $arguments == *" --self-test "* ]]; then exec "$python" -m unittest compare.test_compare; fi
  exec "$python" -m compare "$@"
}

# tables FILE
tables() {
  python3 - "$1" <<'PYTHON'
import collections, json, statistics, sys

results = collections.defaultdict(lambda: collections.defaultdict(dict))  # row -> side -> turn -> result
for line in open(sys.argv[1]):
    entry = json.loads(line)
    results[entry["row"]][entry["side"]][entry["turn"]] = entry["result"]


def cell(sides, layout, operation, field):
    """peer / ours, and how many times less ours is: of the medians over the turns, then the range of the turns."""
    of = {
        name: {turn: r[operation][field] for turn, r in sides[side].items()}
        for name, side in (("peer", "peer"), ("ours", layout))
        if side in sides
    }
    medians = {side: statistics.median(turns.values()) for side, turns in of.items()}
    if len(of) < 2:
        return " ".join(f"{side} {value:.1f}" for side, value in medians.items())
    text = f"{medians['peer']:.1f} / {medians['ours']:.1f}"
    if not all(of["ours"].values()):
        return text  # too short for the processor clock
    ratios = sorted(of["peer"][turn] / of["ours"][turn] for turn in of["ours"].keys() & of["peer"].keys())
    spread = f" ({ratios[0]:.2f}..{ratios[-1]:.2f})" if len(ratios) > 1 else ""
    return f"{text} = **{medians['peer'] / medians['ours']:.2f}**{spread}"


def table(title, layout, field, operations):
    print(f"\n{title}\n\n| where, page, batch, mode, O_DIRECT | {' | '.join(operations)} |\n|---|{'---|' * len(operations)}")
    for row, sides in results.items():
        if layout in sides:
            print(f"| {row} | {' | '.join(cell(sides, layout, operation, field) for operation in operations)} |")


for layout in ("files", "segments"):
    if any(layout in sides for sides in results.values()):
        table(f"Layout {layout}: elapsed microseconds per page, peer / ours = peer divided by ours (least..most of the turns);"
              " above 1 ours is faster.", layout, "us_per_page_median", ("set", "get", "exists"))
        table(f"Layout {layout}: processor microseconds per page, all threads, in the same form; above 1 ours uses less.",
              layout, "cpu_us_per_page_median", ("set", "get"))
PYTHON
}

quick=false only=. turns="" dir_tmpfs=/dev/shm dir_disk=$BUILD/bench OUT=$BUILD/bench/results.jsonl install=false sides="peer files segments"
list=false
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=true ;;
    --only | --turns | --dir-tmpfs | --dir-disk | --out)
      [ $# -gt 1 ] || die "$1 needs a value"
      case $1 in
        --only) only=$2 ;;
        --turns) turns=$2 ;;
        --dir-tmpfs) dir_tmpfs=$2 ;;
        --dir-disk) dir_disk=$2 ;;
        --out) OUT=$2 ;;
      esac
      shift
      ;;
    --install-peer) install=true ;;
    --layout)
      case ${2:-} in files | segments) ;; *) die "--layout takes files or segments, not '${2:-}'" ;; esac
      [[ $sides == *peer* ]] && sides="peer $2" || sides=$2
      shift
      ;;
    --without-peer) sides=${sides#peer } ;;
    --list) list=true ;;
    --tables) tables "${2:-}"; exit 0 ;;
    --native) shift; native "$@" ;;
    compare) shift; compare "$@" ;;
    -h | --help) sed -n '3,35s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "unknown argument '$1', see --help" ;;
  esac
  shift
done
$quick && turns=${turns:-1}
turns=${turns:-3}

mapfile -t chosen < <(rows | while IFS= read -r line; do
  name=${line%%|*}
  if [[ $name =~ $only ]] && ! { $quick && [[ $name == *8MiB* ]]; }; then echo "$line"; fi
done)
[ ${#chosen[@]} -gt 0 ] || die "no row matches '$only'; see --list"
if $list; then printf '%s\n' "${chosen[@]%%|*}"; exit 0; fi

"$ROOT/scripts/setup.sh"
if [[ $sides == *peer* ]]; then install_peer "$install" --without-peer; fi
say "building"
build_java
JAVA_HOME=$(find_jdk)

mkdir -p "$(dirname "$OUT")" "$dir_disk"
: >"$OUT"
LOG=$OUT.log
: >"$LOG"
folder_tmpfs=$(mktemp -d "$dir_tmpfs/hicache-bench.XXXXXX")
folder_disk=$(mktemp -d "$dir_disk/hicache-bench.XXXXXX")
trap 'rm -rf "$folder_tmpfs" "$folder_disk"' EXIT
trap 'exit 143' TERM HUP INT # after the process under way has ended, so that nothing is written behind the clean-up
[ "$(stat -f -c %T "$folder_tmpfs")" = tmpfs ] || die "--dir-tmpfs $dir_tmpfs is not on tmpfs"
[ "$(stat -f -c %T "$folder_disk")" != tmpfs ] || die "--dir-disk $dir_disk is on tmpfs"

# Without a journal ext4 does not reuse an inode for a minute, and searches past each one that was freed: files removed by one
# process then cost the next one milliseconds a file.
disk_type=$(df --output=fstype "$folder_disk" | tail -n 1)
device=$(readlink -f "$(df --output=source "$folder_disk" | tail -n 1)")
if [ "$disk_type" = ext4 ] && [ -b "$device" ] && [ ! -e "/proc/fs/jbd2/$(basename "$device")-8" ]; then
  say "warning: $dir_disk is on ext4 without a journal, which is slow while files are removed; better name another --dir-disk"
fi

cd "$ROOT" # where NIXL is looked for
say "$(nproc) cores, kernel $(uname -r), disk on $disk_type, ${#chosen[@]} rows, $turns turns"
number=0
for line in "${chosen[@]}"; do
  IFS='|' read -r name fs bytes pages batch peer_mode peer_model our_mode our_naming direct warm_up our_warm_up rounds <<<"$line"
  number=$((number + 1))
  folder=folder_$fs
  started=$SECONDS
  for turn in $(seq "$turns"); do
    for side in $sides; do
      measure "$side" "${!folder}/$name"
    done
  done
  rm -rf "${!folder:?}/$name"
  say "$number/${#chosen[@]} $name: $((SECONDS - started)) s"
done
tables "$OUT"
say "results in $OUT"
