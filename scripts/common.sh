# SPDX-License-Identifier: Apache-2.0
# Sourced by the other scripts: folders, messages, and where the JDK is.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DEPS=$ROOT/.deps
BUILD=$ROOT/build
JOBS=${JOBS:-$(nproc)}

say() { printf '[%s] %s\n' "$(basename "$0" .sh)" "$*"; }
die() { printf '[%s] error: %s\n' "$(basename "$0" .sh)" "$*" >&2; exit 1; }

# Prints the home of a JDK 17 or newer: JAVA_HOME, else javac on the PATH, else the newest that the system installed.
find_jdk() {
  local home version
  for home in "${JAVA_HOME:-}" "$(command -v javac >/dev/null && dirname "$(dirname "$(readlink -f "$(command -v javac)")")")" \
    $(ls -d /usr/lib/jvm/*/ /opt/java/*/ 2>/dev/null | sort -Vr); do
    home=${home%/}
    [ -n "$home" ] && [ -x "$home/bin/javac" ] || continue
    version=$("$home/bin/javac" -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
    if [ "${version:-0}" -ge 17 ]; then
      printf '%s\n' "$home"
      return 0
    fi
  done
  return 1
}

# Maven without questions and without a line for each download. It reads the network only for what ~/.m2 lacks.
maven() {
  JAVA_HOME=$(find_jdk) || die "no JDK 17 or newer; run scripts/setup.sh"
  export JAVA_HOME
  (cd "$ROOT" && mvn -B -ntp -Dstyle.color=never -Dhicache.build.jobs="$JOBS" "$@" </dev/null)
}
