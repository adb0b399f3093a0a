#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Object storage for the tests: versitygw (S3, plain and with TLS, over one folder) and Azurite (Azure Blob Storage), on loopback,
# on free ports, with credentials and pages that are thrown away.
#
#   scripts/test-servers.sh start|status|stop
#
# start    installs what .deps/test-servers lacks, starts the servers, waits until each answers, and writes how to reach them to
#          .deps/test-servers/env (source it); servers that run already are kept. .deps/test-servers/aws has the S3 bucket under
#          the names that NIXL and the tools of AWS know
# status   succeeds when they run
# stop     ends them and removes what they stored
#
# They end by themselves two hours after the last start. versitygw needs Go to be installed, Azurite Node with npm: without one of
# them that server is left out, which is said. The first start builds versitygw, some minutes.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

VERSITYGW=1.8.0
AZURITE=3.37.0
LIFE_SECONDS=7200
BUCKET=hicache-test
MAKE_BUCKET=$ROOT/scripts/make_bucket.py

HOME_FOLDER=$DEPS/test-servers
RUN=$HOME_FOLDER/run # what stop removes: logs, certificate, pages, and 'pids': name, pid and start time of each process
ENV=$HOME_FOLDER/env
AWS=$HOME_FOLDER/aws

# ---- what has to be installed ---------------------------------------------------------------------------------------

# install_once FOLDER COMMAND...: runs it with the folder that it fills as its last argument; the folder appears whole or not at all.
install_once() {
  local folder=$HOME_FOLDER/$1 log=$HOME_FOLDER/$1.log
  shift
  [ ! -d "$folder" ] || return 0
  say "installing $(basename "$folder") ..."
  rm -rf "$folder.part"
  if ! "$@" "$folder.part" >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    say "could not install $(basename "$folder"), see $log; this needs the package registry once, then never again"
    rm -rf "$folder.part"
    return 1
  fi
  mv "$folder.part" "$folder"
  rm -f "$log"
}

go_install() { GOBIN=$1 GOFLAGS=-buildvcs=false go install -p "$JOBS" "github.com/versity/versitygw/cmd/versitygw@v$VERSITYGW"; }
npm_install() { npm install --prefix "$1" --no-audit --no-fund --no-save "azurite@$AZURITE"; }

has_versitygw() {
  if [ ! -d "$HOME_FOLDER/versitygw-$VERSITYGW" ] && ! command -v go >/dev/null; then
    say "no S3 server: versitygw needs Go to be installed, and there is no go on the PATH (Debian: apt-get install golang)"
    return 1
  fi
  install_once "versitygw-$VERSITYGW" go_install
}

has_azurite() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    say "no Azure server: Azurite needs Node and npm, and they are not on the PATH (Debian: apt-get install nodejs npm)"
    return 1
  fi
  install_once "azurite-$AZURITE" npm_install
}

# ---- processes ------------------------------------------------------------------------------------------------------

# start_time PID: when it started, in the kernel's ticks; with the pid it names one process for ever.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
is_alive() { [ -n "$2" ] && [ "$(start_time "$1")" = "$2" ]; }

# launch NAME COMMAND...: in a session of its own, so that a Ctrl-C of the caller does not reach it, and without the caller's open
# files: a lock among them would stay locked.
launch() {
  local name=$1
  shift
  setsid bash -c "$CLOSE_AND_RUN" "$name" "$@" >"$RUN/$name.log" 2>&1 </dev/null &
  disown $!
  printf '%s %s %s\n' "$name" $! "$(start_time $!)" >>"$RUN/pids"
}
CLOSE_AND_RUN='
for file in /proc/$$/fd/*; do
  number=${file##*/}
  if [ "$number" -gt 2 ]; then eval "exec $number>&-"; fi
done
exec "$@"
'

are_running() {
  local name pid started
  [ -s "$ENV" ] && [ -s "$RUN/pids" ] || return 1
  while read -r name pid started; do
    is_alive "$pid" "$started" || return 1
  done <"$RUN/pids"
}

stop_all() {
  local name pid started tries
  if [ -e "$RUN/pids" ]; then
    while read -r name pid started; do
      [ "$pid" != $$ ] || continue # the watchdog, become this
      is_alive "$pid" "$started" || continue
      kill "$pid" 2>/dev/null || true
      for ((tries = 0; tries < 50; tries++)); do
        is_alive "$pid" "$started" || continue 2
        sleep 0.1
      done
      say "$name does not end; killing it"
      kill -9 "$pid" 2>/dev/null || true
    done <"$RUN/pids"
  fi
  rm -rf "$RUN" "$ENV" "$AWS"
}

# Waits for the time in 'until', which each start moves on, then stops them all.
WATCHDOG='
import os, pathlib, sys, time
script, until = sys.argv[1], pathlib.Path(sys.argv[2])
while True:
    left = float(until.read_text()) - time.time()
    if left <= 0:
        os.execv(script, [script, "stop"])
    time.sleep(min(left, 60))
'

# ---- starting -------------------------------------------------------------------------------------------------------

random() { openssl rand -hex "$1"; }
setting() { printf "%s='%s'\n" "$1" "$2" >>"$RUN/env"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# start_gateway NAME SCHEME CA [flag...]: sets URL.
start_gateway() {
  local name=$1 scheme=$2 ca=$3 port
  shift 3
  port=$(free_port)
  URL=$scheme://127.0.0.1:$port
  launch "$name" env ROOT_ACCESS_KEY="$ACCESS" ROOT_SECRET_KEY="$SECRET" "$HOME_FOLDER/versitygw-$VERSITYGW/versitygw" \
    --port "127.0.0.1:$port" --region us-east-1 --quiet "$@" posix "${ATTRIBUTES[@]}" "$RUN/objects"
  python3 "$MAKE_BUCKET" s3 "$URL/$BUCKET" "$ca" "$ACCESS" "$SECRET" || { tail -n 20 "$RUN/$name.log" >&2; return 1; }
}

start_versitygw() {
  ACCESS=test-$(random 8) SECRET=$(random 24) ATTRIBUTES=()
  mkdir "$RUN/objects"
  # versitygw keeps what it knows of an object in extended attributes, which tmpfs may lack.
  if ! python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.hicache", b"1")' "$RUN/objects" 2>/dev/null; then
    mkdir "$RUN/attributes"
    ATTRIBUTES=(--sidecar "$RUN/attributes")
  fi
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=hicache test" \
    -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" -keyout "$RUN/key.pem" -out "$RUN/ca.pem" \
    2>"$RUN/openssl.log" || { cat "$RUN/openssl.log" >&2; return 1; }
  start_gateway s3 http - || return
  setting HICACHE_TEST_S3_ENDPOINT "$URL"
  start_gateway s3-tls https "$RUN/ca.pem" --cert "$RUN/ca.pem" --key "$RUN/key.pem" || return
  setting HICACHE_TEST_S3_TLS_ENDPOINT "$URL"
  setting HICACHE_TEST_S3_CA "$RUN/ca.pem"
  setting HICACHE_TEST_S3_ACCESS_KEY "$ACCESS"
  setting HICACHE_TEST_S3_SECRET_KEY "$SECRET"
  setting HICACHE_TEST_S3_BUCKET "$BUCKET"
}

start_azurite() {
  local port account key url
  port=$(free_port)
  account=test$(random 6) key=$(openssl rand -base64 64 | tr -d '\n')
  url=http://127.0.0.1:$port/$account
  mkdir "$RUN/blobs"
  launch azure env AZURITE_ACCOUNTS="$account:$key" node "$HOME_FOLDER/azurite-$AZURITE/node_modules/azurite/dist/src/blob/main.js" \
    --blobHost 127.0.0.1 --blobPort "$port" --location "$RUN/blobs" --skipApiVersionCheck --disableTelemetry --silent
  python3 "$MAKE_BUCKET" azure "$url/$BUCKET" - "$account" "$key" || { tail -n 20 "$RUN/azure.log" >&2; return 1; }
  setting HICACHE_TEST_AZURE_CONNECTION_STRING \
    "DefaultEndpointsProtocol=http;AccountName=$account;AccountKey=$key;BlobEndpoint=$url;"
  setting HICACHE_TEST_AZURE_CONTAINER "$BUCKET"
}

start_all() {
  if are_running; then
    echo $(($(date +%s) + LIFE_SECONDS)) >"$RUN/until"
    say "they run already"
    return
  fi
  stop_all
  mkdir -p "$RUN"
  echo $(($(date +%s) + LIFE_SECONDS)) >"$RUN/until"
  launch watchdog python3 -c "$WATCHDOG" "$ROOT/scripts/test-servers.sh" "$RUN/until"
  if has_versitygw; then start_versitygw || say "no S3 server: versitygw failed, see above"; fi
  if has_azurite; then start_azurite || say "no Azure server: Azurite failed, see above"; fi
  if [ ! -s "$RUN/env" ]; then
    stop_all
    die "no server could be started"
  fi
  mv "$RUN/env" "$ENV"
}

# The S3 bucket under other names, where there is one.
write_aws() (
  source "$ENV"
  [ -n "${HICACHE_TEST_S3_ENDPOINT:-}" ] || exit 0
  printf "export %s='%s'\n" AWS_ENDPOINT_OVERRIDE "$HICACHE_TEST_S3_ENDPOINT" AWS_DEFAULT_BUCKET "$HICACHE_TEST_S3_BUCKET" \
    AWS_ACCESS_KEY_ID "$HICACHE_TEST_S3_ACCESS_KEY" AWS_SECRET_ACCESS_KEY "$HICACHE_TEST_S3_SECRET_KEY" AWS_REGION us-east-1 >"$AWS"
)

case "${1:-}" in
  start | stop) ;;
  status) are_running && exit || exit 1 ;;
  -h | --help) sed -n '3,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) die "unknown argument '${1:-}', see --help" ;;
esac

umask 077
mkdir -p "$HOME_FOLDER"
exec 9>"$HOME_FOLDER/lock"
flock 9
if [ "$1" = stop ]; then
  stop_all
  say "stopped"
else
  start_all
  write_aws
  sed "s/^\(HICACHE_TEST_[A-Z0-9_]*\(SECRET_KEY\|CONNECTION_STRING\)\)=.*/\1=***/" "$ENV"
  say "source $ENV to use them"
fi
