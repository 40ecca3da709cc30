# shellcheck shell=bash
# Shared by the bench scripts: places, messages, process checks. Sourced, never run.

BENCH_HOME=${BERTH_BENCH_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-bench}
BENCH_REGISTRY=${BERTH_BENCH_REGISTRY:-127.0.0.1:5005}
export BENCH_HOME BENCH_REGISTRY
CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
export CA_BUNDLE

say() { printf '%s: %s\n' "${BENCH_NAME:-bench}" "$*"; }
die() { printf '%s: error: %s\n' "${BENCH_NAME:-bench}" "$*" >&2; exit 1; }

# die_with_log MESSAGE FILE: the message, then the log's last lines.
die_with_log() {
  { printf '%s: error: %s\n' "${BENCH_NAME:-bench}" "$1"
    if [[ -s $2 ]]; then printf -- '--- last lines of %s\n' "$2"; tail -n 15 "$2"; fi; } >&2
  exit 1
}

need_root() { [[ $(id -u) -eq 0 ]] || die "$1 needs root: run it as root, or with sudo -E"; }

# only_one NAME: wait for another run of the same step, holding the lock until this shell ends (fd 9).
only_one() {
  mkdir -p "$BENCH_HOME/locks"
  exec 9>"$BENCH_HOME/locks/$1"
  flock -n 9 || { say "another run is at work on '$1', waiting for it"; flock 9; }
}

# apt_install PACKAGE...: install what is missing, with an apt-get update only if needed.
apt_install() {
  local p missing=()
  for p in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true) == installed ]] || missing+=("$p")
  done
  [[ ${#missing[@]} -eq 0 ]] && return 0
  command -v apt-get >/dev/null || die "no apt-get here: install ${missing[*]} by hand and run this again"
  need_root "installing ${missing[*]}"
  say "installing ${missing[*]}"
  mkdir -p "$BENCH_HOME/log" "$BENCH_HOME/locks"
  local log=$BENCH_HOME/log/apt.log apt=(apt-get -o DPkg::Lock::Timeout=300 -q -y)
  (
    exec 8>"$BENCH_HOME/locks/apt"; flock 8
    export DEBIAN_FRONTEND=noninteractive
    "${apt[@]}" --no-install-recommends install "${missing[@]}" >"$log" 2>&1 ||
      { "${apt[@]}" update >"$log" 2>&1 || true
        "${apt[@]}" --no-install-recommends install "${missing[@]}" >>"$log" 2>&1; }
  ) 9>&- || die_with_log "apt could not install ${missing[*]}" "$log"
}

# pid_is FILE NAME: does FILE hold the id of a living process called NAME? (A zombie is dead, whoever forgot to reap it.)
pid_is() {
  local pid status
  [[ -s $1 ]] || return 1
  pid=$(tr -cd 0-9 <"$1")
  status=$(cat "/proc/${pid:-none}/status" 2>/dev/null) || return 1
  [[ $status == "Name:"$'\t'"$2"$'\n'* && $status != *$'\n'"State:"$'\t'[ZX]* ]]
}

# launch LOG COMMAND...: start a daemon in a session of its own; its id is $!.
launch() {
  local log=$1
  shift
  setsid nohup "$@" >>"$log" 2>&1 </dev/null 9>&- &
}

# stop_pid PIDFILE NAME SECONDS: TERM, wait, KILL.
stop_pid() {
  local pid i
  if ! pid_is "$1" "$2"; then rm -f "$1"; return 0; fi
  pid=$(tr -cd 0-9 <"$1")
  kill -TERM "$pid" 2>/dev/null || true
  for ((i = 0; i < $3 * 10; i++)); do
    pid_is "$1" "$2" || { rm -f "$1"; return 0; }
    sleep 0.1
  done
  say "$2 (process $pid) ignored SIGTERM for $3 s, killing it"
  kill -KILL "$pid" 2>/dev/null || true
  rm -f "$1"
}

# The machine's Debian mirror, from apt's own sources.
debian_mirror() {
  local f url
  for f in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list; do
    [[ -r $f ]] || continue
    url=$(sed -nE 's#^URIs:[[:space:]]*(\S+/debian)/?([[:space:]].*)?$#\1#p; s#^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?(\S+/debian)/?[[:space:]].*$#\2#p' "$f" | sed -n 1p)
    [[ -z $url ]] || { printf '%s\n' "$url"; return 0; }
  done
  die "no Debian mirror found in apt's sources: add one (an entry whose URL ends in /debian) and run this again"
}

registry_up() { curl -fsS --noproxy '*' -m 3 -o /dev/null "http://$BENCH_REGISTRY/v2/" 2>/dev/null; }

# A docker client that can build with BuildKit: plain `docker` if it has buildx, else Debian's own, else the old builder.
pick_docker() {
  DOCKER=docker
  export DOCKER DOCKER_BUILDKIT=1 DOCKER_CLI_HINTS=false
  docker buildx version >/dev/null 2>&1 && return 0
  local debian=/usr/bin/docker
  if [[ -x $debian ]] && "$debian" --version | grep -qE 'version (19|20|22)\.' && "$debian" info >/dev/null 2>&1; then
    DOCKER=$debian
  else
    DOCKER_BUILDKIT=0
  fi
}
