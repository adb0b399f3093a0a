#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes this machine ready to build and run: checks the tools, and fills .deps/ with NIXL, the CUDA runtime, LMDB's source and
# clang-format.
#
#   scripts/setup.sh [--nixl auto|cu12|cu13]
#
# --nixl        which build of NIXL to fetch; auto (default): cu13 where the NVIDIA driver supports CUDA 13, else cu12
# NIXL_PREFIX   in the environment: uses the NIXL installed there and fetches none
#
# On Debian and Ubuntu, run as root, it installs the packages that are missing; elsewhere it prints the command that does.
# Safe to run again: what is there in the right version is kept, and then nothing is downloaded.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

REQUIREMENTS=$ROOT/scripts/requirements
CUDA_13_DRIVER=580 # first driver branch with CUDA 13, see the CUDA toolkit's release notes, table "Toolkit and driver versions"
NIXL_FOLDERS=(. lib lib64 lib/x86_64-linux-gnu .nixl_cu12.mesonpy.libs .nixl_cu13.mesonpy.libs)

# ---- what has to be installed ---------------------------------------------------------------------------------------

compiles() { printf '%s\n' "$1" | c++ -std=c++20 -fsyntax-only -x c++ - 2>/dev/null; }
links_statically() { [ "$(c++ -print-file-name="$1" 2>/dev/null)" != "$1" ]; }
cmake_is_new() { printf '3.22\n%s\n' "$(cmake --version 2>/dev/null | sed -n 's/^cmake version //p')" | sort -VC; }

has_jdk() { find_jdk >/dev/null; }
has_maven() { command -v mvn; }
has_cmake() { command -v cmake && cmake_is_new; }
has_make() { command -v make || command -v ninja; }
has_compiler() { compiles '#include <span>
#include <stop_token>'; }
has_binutils() { command -v nm && command -v readelf; }
has_pip() { python3 -m pip --version; }
has_gtest() { compiles '#include <gtest/gtest.h>'; }
has_xxhash() { compiles '#include <xxhash.h>'; }
has_cli11() { compiles '#include <CLI/CLI.hpp>'; }
has_json() { compiles '#include <nlohmann/json.hpp>'; }
has_libb2() { compiles '#include <blake2.h>' && links_statically libb2.a; }

# probe | what it is | Debian package | Fedora package
NEEDED="
has_jdk|a JDK, 17 or newer|openjdk-17-jdk-headless|java-17-openjdk-devel
has_maven|Maven|maven|maven
has_cmake|cmake, 3.22 or newer|cmake|cmake
has_make|make|make|make
has_compiler|a C++20 compiler|g++|gcc-c++
has_binutils|nm and readelf|binutils|binutils
has_pip|Python's pip|python3-pip|python3-pip
has_gtest|GoogleTest|libgtest-dev|gtest-devel
has_xxhash|xxhash.h|libxxhash-dev|xxhash-devel
has_libb2|blake2.h and libb2.a|libb2-dev|libb2-devel
has_cli11|CLI11|libcli11-dev|cli11-devel
has_json|nlohmann-json|nlohmann-json3-dev|json-devel
"

# Sets MISSING_TEXT, MISSING_DEB and MISSING_RPM.
find_missing() {
  MISSING_TEXT="" MISSING_DEB="" MISSING_RPM=""
  local probe text deb rpm
  while IFS='|' read -r probe text deb rpm; do
    [ -n "$probe" ] || continue
    if ! "$probe" >/dev/null 2>&1; then
      MISSING_TEXT+="${MISSING_TEXT:+, }$text"
      MISSING_DEB+=" $deb"
      MISSING_RPM+=" $rpm"
    fi
  done <<<"$NEEDED"
}

check_tools() {
  [ "$(uname -s)/$(uname -m)" = Linux/x86_64 ] || die "only Linux on x86_64 is supported, this is $(uname -s) on $(uname -m)"
  find_missing
  if [ -n "$MISSING_TEXT" ]; then
    say "missing: $MISSING_TEXT"
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
      say "installing:$MISSING_DEB"
      apt-get update -qq </dev/null
      # shellcheck disable=SC2086 # a list of packages
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $MISSING_DEB </dev/null >/dev/null
    elif command -v apt-get >/dev/null; then
      die "run: sudo apt-get update && sudo apt-get install -y --no-install-recommends$MISSING_DEB"
    elif command -v dnf >/dev/null; then
      die "run: sudo dnf install -y$MISSING_RPM"
    else
      die "install with this system's package manager (names as on Debian):$MISSING_DEB"
    fi
    find_missing
    [ -z "$MISSING_TEXT" ] || die "still missing after installing:$MISSING_DEB - this system's packages are too old: $MISSING_TEXT"
  fi
  say "tools: JDK at $(find_jdk), Maven, cmake, C++20, pip, GoogleTest, xxhash, libb2, CLI11, nlohmann-json: all there"
}

# ---- what is fetched ------------------------------------------------------------------------------------------------

# A piece is a folder under .deps that holds, as its stamp, the requirements file (version and hash) it was made from.
is_ready() { cmp -s "$REQUIREMENTS/$2.txt" "$DEPS/$1/.stamp"; }

# download NAME FOLDER: the packages of requirements/NAME.txt, by their hashes.
download() {
  local pip=(python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes -r "$REQUIREMENTS/$1.txt" -d "$2")
  case $1 in
    # As source. LMDB_PURE: asking for its name and version need not patch it.
    lmdb) LMDB_PURE=1 "${pip[@]}" --no-binary lmdb </dev/null ;;
    # The wheels hold native files that no Python will load, so one Python version is named and any pip can fetch them.
    *)
      "${pip[@]}" --only-binary=:all: --python-version 3.11 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
        --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 </dev/null
      ;;
  esac
}

# fetch NAME FOLDER KEEP...: downloads the packages of requirements/NAME.txt, checks their hashes, and keeps of their contents
# what the patterns match, in .deps/FOLDER. The folder appears whole or not at all.
fetch() {
  local name=$1 folder=$2 work
  shift 2
  if is_ready "$folder" "$name"; then
    say "$name: .deps/$folder is there"
    return
  fi
  say "$name: downloading $(sed -n 's/^\([a-z0-9-]*==[^ ]*\).*/\1/p' "$REQUIREMENTS/$name.txt" | xargs)"
  mkdir -p "$DEPS"
  work=$(mktemp -d "$DEPS/.fetch.XXXXXX")
  # shellcheck disable=SC2064 # this folder, not what the variable holds later
  trap "rm -rf '$work'" EXIT
  download "$name" "$work/packages" ||
    die "could not fetch $name; this needs a Python package index once, then never again"
  python3 - "$work" "$@" <<'PYTHON'
import fnmatch, pathlib, shutil, sys, tarfile, zipfile

work = pathlib.Path(sys.argv[1])
for source in sorted((work / "packages").glob("*.tar.gz")):
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isfile() and any(fnmatch.fnmatch(member.name, keep) for keep in sys.argv[2:]):
                path = work / "out" / pathlib.PurePosixPath(member.name).relative_to(member.name.split("/")[0])
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    shutil.copyfileobj(archive.extractfile(member), file)
for wheel in sorted((work / "packages").glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            if not info.is_dir() and any(fnmatch.fnmatch(info.filename, keep) for keep in sys.argv[2:]):
                path = pathlib.Path(archive.extract(info, work / "out"))
                path.chmod(info.external_attr >> 16 & 0o777 | 0o644)
PYTHON
  cp "$REQUIREMENTS/$name.txt" "$work/out/.stamp"
  rm -rf "${DEPS:?}/$folder"
  mv "$work/out" "$DEPS/$folder"
  rm -rf "$work"
  trap - EXIT
  say "$name: .deps/$folder, $(du -sh "$DEPS/$folder" | cut -f1)"
}

# point LINK TARGET: makes .deps/LINK a symbolic link; TARGET is relative to it.
point() {
  if [ "$(readlink "$DEPS/$1" || true)" != "$2" ]; then
    rm -rf "${DEPS:?}/$1"
    mkdir -p "$(dirname "$DEPS/$1")"
    ln -s "$2" "$DEPS/$1"
  fi
}

driver_version() { nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1; }

set_up_nixl() {
  local flavour=$1 driver folder
  if [ -n "${NIXL_PREFIX:-}" ]; then
    for folder in "${NIXL_FOLDERS[@]}"; do
      if [ -e "$NIXL_PREFIX/$folder/libnixl_capi.so" ]; then
        say "nixl: NIXL_PREFIX has $(cd "$NIXL_PREFIX/$folder" && pwd)/libnixl_capi.so"
        return
      fi
    done
    die "NIXL_PREFIX=$NIXL_PREFIX holds no libnixl_capi.so (looked in: ${NIXL_FOLDERS[*]}); correct it, or unset it to fetch NIXL"
  fi
  if [ "$flavour" = auto ]; then
    driver=$(driver_version || true)
    flavour=cu12
    if [[ "$driver" =~ ^([0-9]+)\. ]] && [ "${BASH_REMATCH[1]}" -ge "$CUDA_13_DRIVER" ]; then flavour=cu13; fi
    say "nixl: $flavour, because ${driver:+the NVIDIA driver is }${driver:-there is no NVIDIA driver}"
  fi
  local version
  version=$(sed -n 's/^nixl-.*==\([^ ]*\).*/\1/p' "$REQUIREMENTS/nixl-$flavour.txt")
  # Libraries and plugins only, in folders side by side: they find each other by relative paths.
  fetch "nixl-$flavour" "nixl-$flavour-$version" ".nixl_$flavour.mesonpy.libs/*" "nixl_$flavour.libs/*" "*.dist-info/licenses/*"
  point nixl "nixl-$flavour-$version"
}

main() {
  local nixl=auto
  while [ $# -gt 0 ]; do
    case $1 in
      --nixl) nixl=${2:-}; shift ;;
      --nixl=*) nixl=${1#*=} ;;
      -h | --help) sed -n '3,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
      *) die "unknown argument '$1', see --help" ;;
    esac
    shift
  done
  case $nixl in auto | cu12 | cu13) ;; *) die "--nixl takes auto, cu12 or cu13, not '$nixl'" ;; esac

  check_tools
  set_up_nixl "$nixl"
  fetch cuda cuda-wheels "nvidia/cu13/include/*" "nvidia/cu13/lib/libcudart.so.13" "*.dist-info/licenses/*"
  point cuda cuda-wheels/nvidia/cu13
  fetch lmdb lmdb-source "*/lib/*.[ch]" "*/LICENSE"
  point lmdb lmdb-source/lib
  fetch tools clang-format "clang_format/data/bin/clang-format"
  chmod +x "$DEPS/clang-format/clang_format/data/bin/clang-format"
  point tools/bin/clang-format ../../clang-format/clang_format/data/bin/clang-format
  say "done"
}

main "$@"
