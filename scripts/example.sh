#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The store in a small inference engine (java/examples): sets up, builds, and answers one long prompt in two processes. The first
# computes it and stores its pages; the second, a restart, restores them. Each compares its logits with those without the store.
#
#   scripts/example.sh [DIR] [--prompt-tokens N] [--decode N] [--page-size N] [--seed N]
#
# DIR   where a folder for the pages is made, default: the system's temporary folder. It is removed at the end.
#
# Exits with 1 when logits or tokens differ in any bit, or when the second process does not restore the whole prefix.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

EXAMPLES=$ROOT/java/examples/target

parent=${TMPDIR:-/tmp}
case ${1:-} in
  -h | --help)
    sed -n '3,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  "" | -*) ;;
  *)
    parent=$1
    shift
    ;;
esac
[ -d "$parent" ] || die "$parent is not a directory"

"$ROOT/scripts/setup.sh"
say "building"
maven -q package -pl java/examples -am -DskipTests -Dmaven.javadoc.skip
java=$(find_jdk)/bin/java

folder=$(mktemp -d "$parent/hicache-example.XXXXXX")
trap 'rm -rf -- "$folder"' EXIT

# A process of its own at each call.
answer() {
  NIXL_LOG_LEVEL=${NIXL_LOG_LEVEL:-FATAL} "$java" -Xmx1g -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 --enable-native-access=ALL-UNNAMED \
    -cp "$EXAMPLES/classes:$(cat "$EXAMPLES/classpath.txt")" io.hicache.examples.EngineExample --dir "$folder/pages" "$@"
}

cd "$ROOT" # where NIXL is looked for
say "first process: the store is empty"
answer "$@"
echo
say "second process, after the first has ended"
answer "$@" --expect-restored
