#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up, builds and tests everything, and ends with a summary whose last line is 'N passed, N failed, N skipped'.
#
#   scripts/test.sh [--quick]
#
# --quick   leaves out the builds with the address, undefined behaviour and thread sanitizer
#
# Tests of object storage run against scripts/test-servers.sh, which is started for them unless it runs already, and against a server
# that the environment names (HICACHE_TEST_S3_*, HICACHE_TEST_AZURE_*); without a server they are skipped.
# Virtual threads are tested on the JDK 21 or newer that JAVA21_HOME names, else on one beside the JDK in use; skipped without.
# Each step's output goes to build/logs/STEP.log; of a failed step the end is shown. A failed step does not stop the others.
# Tests of the groups gpu and slow are not run: mvn verify -Dgroups=gpu. The core's long forms: see CONTRIBUTING.md.
set -euo pipefail
exec </dev/null
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

LOGS=$BUILD/logs
SERVERS=$ROOT/scripts/test-servers.sh
STEPS=() # name|seconds|exit status, for the summary

# step NAME COMMAND...: runs the command with its output in the step's log.
step() {
  local name=$1 log=$LOGS/$1.log started=$SECONDS status=0
  shift
  say "$name ..."
  ("$@") >"$log" 2>&1 || status=$?
  STEPS+=("$name|$((SECONDS - started))|$status")
  if [ "$status" = 0 ]; then
    say "$name passed in $((SECONDS - started)) s"
  else
    tail -n 80 "$log" >&2
    say "$name FAILED (status $status) after $((SECONDS - started)) s; all of its output is in ${log#"$ROOT"/}"
  fi
}

# test_core FOLDER [cmake option...]: builds the core and its tests in build/FOLDER and runs them.
test_core() {
  local folder=$BUILD/$1
  shift
  rm -f "$folder"/ctest.xml "$folder"/hicache_*_test*.xml
  cmake -S "$ROOT" -B "$folder" -DHICACHE_TESTS=ON "$@" || return
  cmake --build "$folder" --parallel "$JOBS" || return
  (cd "$folder" && ctest --output-on-failure --no-tests=error --output-junit ctest.xml)
}

test_java() {
  rm -rf "$ROOT"/presets/target/surefire-reports "$ROOT"/java/*/target/surefire-reports
  maven --fail-at-end -DexcludedGroups=slow,gpu verify
}

# Puts how to reach servers for object storage into the environment.
find_servers() {
  if [ -n "${HICACHE_TEST_S3_ENDPOINT:-}${HICACHE_TEST_AZURE_CONNECTION_STRING:-}" ]; then return; fi
  "$SERVERS" status || trap '"$SERVERS" stop' EXIT
  "$SERVERS" start || { say "no servers for object storage: its tests are skipped"; return; }
  set -a
  source "$DEPS/test-servers/env"
  set +a
}

# Counts from the tests' XML files, never from their text. Exits with 1 when something failed.
summarize() {
  python3 - "$ROOT" "$@" <<'PYTHON'
import pathlib, sys
import xml.etree.ElementTree as xml

root = pathlib.Path(sys.argv[1])
SKIPPED_BY_GTEST = "skipped"


def cases(path):
    """(name, 'passed' | 'failed' | 'skipped', reason) of each test in a JUnit, GoogleTest or ctest file."""
    for case in xml.parse(path).iter("testcase"):
        scope, name = case.get("classname", "").rsplit(".", 1)[-1], case.get("name", "?")
        name = name if scope in ("", name) else f"{scope}.{name}"  # ctest repeats the name
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            yield name, "failed", ""
        elif skip is not None or case.get("result") == SKIPPED_BY_GTEST or case.get("status") in ("disabled", "notrun"):
            text = "" if skip is None else skip.get("message") or skip.text or ""
            lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
            # GoogleTest puts the place on the first line, surefire the stack after the first.
            is_place = len(lines) > 1 and path.name.startswith("hicache_")
            yield name, "skipped", (lines[1] if is_place else lines[0]) if lines else "no reason given"
        else:
            yield name, "passed", ""


def core(folder):
    """ctest's tests, with each run of a GoogleTest program replaced by what it holds."""
    listing = folder / "ctest.xml"
    found = list(cases(listing)) if listing.exists() else []
    for inside in sorted(folder.glob("hicache_*_test*.xml")):
        layout = inside.stem.partition("_test")[2].lstrip("_")
        found = [case for case in found if not case[0].endswith(inside.stem)]
        found += [(f"{name} ({layout})" if layout else name, state, reason) for name, state, reason in cases(inside)]
    return found


def java():
    for reports in sorted(root.glob("presets/target/surefire-reports")) + sorted(root.glob("java/*/target/surefire-reports")):
        for path in sorted(reports.glob("TEST-*.xml")):
            yield from cases(path)


total = {"passed": 0, "failed": 0, "skipped": 0}
skips, failures = [], []
print(f"\n{'step':<18}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
for step in sys.argv[2:]:
    name, seconds, status = step.split("|")
    found = []
    if name.startswith("core"):
        found = core(root / "build" / (name.partition("-")[2] or "release"))
    elif name == "java":
        found = list(java())
    count = {state: sum(1 for case in found if case[1] == state) for state in total}
    if status != "0" and count["failed"] == 0:
        found.append((f"step {name}, see build/logs/{name}.log", "failed", ""))
        count["failed"] = 1
    elif not found:
        count["passed"] = 1  # a check without tests of its own
    for state in total:
        total[state] += count[state]
    failures += [f"{name}: {case[0]}" for case in found if case[1] == "failed"]
    skips += [f"{name}: {case[0]}: {case[2]}" for case in found if case[1] == "skipped"]
    print(f"{name:<18}{count['passed']:>8}{count['failed']:>8}{count['skipped']:>9}{seconds:>9}")
for title, lines in (("Skipped, and why", skips), ("Failed", failures)):
    if lines:
        print(f"\n{title}:")
        print("\n".join("  " + line for line in lines))
print(f"\n{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
sys.exit(1 if total["failed"] else 0)
PYTHON
}

quick=false
case "${1:-}" in
  "") ;;
  --quick) quick=true ;;
  -h | --help) sed -n '3,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) die "unknown argument '$1', see --help" ;;
esac

"$ROOT/scripts/setup.sh"
mkdir -p "$LOGS"
step format "$ROOT/scripts/format.sh" --check
find_servers
step core test_core release -DHICACHE_BENCH=ON
if ! $quick; then
  for sanitizers in address,undefined thread; do
    step "core-$sanitizers" test_core "$sanitizers" -DSANITIZE="$sanitizers"
  done
fi
step java test_java
step compare "$ROOT/scripts/bench.sh" compare --self-test --no-build
summarize "${STEPS[@]}"
