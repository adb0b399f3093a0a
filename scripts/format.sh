#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formats the C++ sources with clang-format and the Java sources with google-java-format.
#
#   scripts/format.sh [--check]
#
# --check   changes nothing; fails when a file is not formatted, and says which
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

clang_format=$DEPS/tools/bin/clang-format
check=false
case "${1:-}" in
  "") ;;
  --check) check=true ;;
  -h | --help) sed -n '3,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) die "unknown argument '$1', see --help" ;;
esac
[ -x "$clang_format" ] || die "no clang-format; run scripts/setup.sh"

cd "$ROOT"
mapfile -d '' sources < <(find cpp \( -name '*.h' -o -name '*.cc' \) -print0 | sort -z)
failed=0
if $check; then
  for source in "${sources[@]}"; do
    "$clang_format" --dry-run -Werror "$source" 2>/dev/null || { say "not formatted: $source"; failed=1; }
  done
  maven -q spotless:check || failed=1
else
  "$clang_format" -i "${sources[@]}"
  maven -q spotless:apply
fi
[ "$failed" = 0 ] || die "not formatted; scripts/format.sh does it"
say "C++ and Java are formatted"
