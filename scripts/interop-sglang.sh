#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves with SGLang's own connector that pages written by one are read by the other, byte for byte, both ways.
#
#   scripts/interop-sglang.sh [--install-peer] [--only REGEX] [--dir DIR]
#   scripts/interop-sglang.sh --list [--only REGEX]
#
# --install-peer   installs SGLang's connector first when it is missing: 700 MB to download, see scripts/peer/setup.sh
# --only REGEX     only the cases whose names match (Python regular expression); --list prints the names
# --dir DIR        a directory on a disk that takes direct I/O (default build/interop); a folder is made in it and removed at the
#                  end; 1 GiB must be free
#
# Neither side sees the other's memory: each computes what every byte has to be (scripts/peer/pages.py). One line for each case, what
# the cases are is in scripts/peer/interop_cases.py; then the count. The exit status is 1 when a case failed. What both sides print
# beside it is in build/logs/interop.log. It takes about four minutes once everything is built.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PEER=${PEER_HOME:-$HOME/.cache/hicache-peer}
BENCH=$ROOT/java/hicache-bench/target
LOG=$BUILD/logs/interop.log

install=false list=false only="" dir=$BUILD/interop
while [ $# -gt 0 ]; do
  case $1 in
    --only | --dir)
      [ $# -gt 1 ] || die "$1 needs a value"
      if [ "$1" = --only ]; then only=$2; else dir=$2; fi
      shift
      ;;
    --install-peer) install=true ;;
    --list) list=true ;;
    -h | --help) sed -n '3,17s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "unknown argument '$1', see --help" ;;
  esac
  shift
done
cases=$(python3 "$ROOT/scripts/peer/interop_cases.py" --list --only "$only")
[ -n "$cases" ] || die "no case matches '$only'; see --list"
if $list; then printf '%s\n' "$cases"; exit 0; fi

"$ROOT/scripts/setup.sh"
if [ ! -x "$PEER/bin/python" ]; then
  $install || die "SGLang's connector is not in $PEER: --install-peer installs it (700 MB to download)"
  "$ROOT/scripts/peer/setup.sh" "$PEER"
fi
say "building"
maven -q -DskipTests -Dmaven.javadoc.skip=true -pl java/hicache-bench -am package >/dev/null ||
  die "the build failed; mvn -DskipTests -pl java/hicache-bench -am package shows why"
JAVA_HOME=$(find_jdk)

mkdir -p "$dir" "$(dirname "$LOG")"
folder=$(mktemp -d "$dir/pages.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' TERM HUP INT # after the case under way has ended
say "SGLang 0.5.23 and 0.5.12 with NIXL $("$PEER/bin/python" -c 'import importlib.metadata as m; print(m.version("nixl-cu12"))'), \
$("$JAVA_HOME/bin/java" -version 2>&1 | head -n 1), kernel $(uname -r), $(df --output=fstype "$folder" | tail -n 1)"

cd "$ROOT" # where NIXL is looked for
peer="'$PEER/bin/python' '$ROOT/scripts/peer/interop.py' --home '$PEER'"
NIXL_LOG_LEVEL=${NIXL_LOG_LEVEL:-FATAL} "$PEER/bin/python" "$ROOT/scripts/peer/interop_cases.py" --folder "$folder" --only "$only" \
  --sglang "$peer --sglang 0.5.23" --sglang-v0 "$peer --sglang 0.5.12" \
  --java "'$JAVA_HOME/bin/java' -Xmx1g -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 --enable-native-access=ALL-UNNAMED \
-cp '$BENCH/classes:$(cat "$BENCH/classpath.txt")' io.hicache.bench.InteropPeer" 2>"$LOG" || die "not all cases passed; what both sides printed is in ${LOG#"$ROOT"/}"
