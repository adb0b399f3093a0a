#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh clone to KV pages in storage and back: sets up, builds, then writes and reads pages through NIXL.
#
#   scripts/demo.sh [DIR] [--pages N] [more options of "hicache demo"]
#
# DIR       where a folder for the pages is made, default: the system's temporary folder. It is removed at the end.
# --pages   pages of 8 MiB to write, default 64
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parent=${TMPDIR:-/tmp}
case ${1:-} in
  -h | --help)
    sed -n '3,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
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
maven -q package -pl java/hicache-cli -am -DskipTests -Dmaven.javadoc.skip

folder=$(mktemp -d "$parent/hicache-demo.XXXXXX")
trap 'rm -rf -- "$folder"' EXIT
say "writing and reading pages"
"$ROOT/scripts/hicache" demo --dir "$folder" "$@"
