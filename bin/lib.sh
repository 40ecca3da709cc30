# shellcheck shell=bash
# What the scripts of bin/ share: where the tools are, which stack is meant. Sourced, never run.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
# Services and timers of a machine start what they start without it.
export HOME=${HOME:-~}
BENCH_HOME=${BERTH_BENCH_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-bench}
# Secrets of the environment dev are nobody's: their passphrase is public. Every other stack has its own.
DEV_PASSPHRASE=berth-dev

say() { printf '%s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# A script's help is the comment that it begins with, unless it has set own_help.
case " $* " in *' --help '*|*' -h '*) [ -n "${own_help:-}" ] || { sed -nE '2,/^[^#]/s/^# ?//p' "$0"; exit; };; esac

# Options are known by their names; what is no option is the one stack that a script works on.
one_stack() { # [stack]
  local word
  for word in "$@"; do
    case $word in
      -*) die "unknown option $word: bin/${0##*/} --help says what there is";;
      # A variable that is not set must not mean dev.
      '') die "the name of a stack is empty: bin/${0##*/} --help says what it takes";;
    esac
  done
  [ $# -le 1 ] || die "one stack at a time, not \"$*\": bin/${0##*/} --help says what it takes"
  stack=${1:-dev}
  is_here "$stack"
}

# Before anything else: what has no file is a slip of the pen.
is_here() { # stack
  [ -f "Pulumi.$1.yaml" ] || die "there is no stack \"$1\": $(for f in Pulumi.*.yaml; do f=${f#Pulumi.}; printf '%s ' "${f%.yaml}"; done)are here"
}

# Asks a person; where nobody can answer, the answer is yes to set-up (no = a further argument "no").
confirm() { # question [answer without a terminal]
  local answer=${2:-yes}
  if [ -t 0 ] && [ -t 2 ]; then read -rp "$1 [y/N] " answer; fi
  case $answer in y|Y|yes) return 0;; *) return 1;; esac
}

# official: a pulumi of this machine. bench: what bench/ builds where only package registries are reachable.
which_tools() {
  local found
  found=$(command -v pulumi || true)
  if [ -n "${BERTH_BENCH:-}" ] || [ "$found" = "$BENCH_HOME/bin/pulumi" ]; then echo bench
  elif [ -n "$found" ]; then echo official
  elif [ -x "$HOME/.pulumi/bin/pulumi" ]; then echo official
  elif [ -x "$BENCH_HOME/bin/pulumi" ]; then echo bench
  elif curl -fsIL -m 5 -o /dev/null https://get.pulumi.com 2>/dev/null; then echo absent
  else echo bench; fi
}

# Images that the bench has under another tag than the systems name: `wanted=instead`, by their contracts.
instead() {
  local image folder contracts contract wanted
  sed 's/#.*//; /^[[:space:]]*$/d' bench/hub/images.txt | while read -r image folder _ _ contracts; do
    for contract in ${contracts:-contract}; do
      wanted=$(sed -n 's/^image: //p' "bench/hub/$folder/$contract.yaml")
      [ "$wanted" = "$image" ] || printf '%s=%s ' "$wanted" "$image"
    done
  done
}

# Whether this machine's Node runs TypeScript as it is.
node_runs() {
  printf '%s\n' v22.18 "$(node --version 2> /dev/null || echo none)" | sort --version-sort --check=silent
}

# Puts the tools on PATH. Where Node is too old the machine keeps it, and one of npm's is used here.
use_tools() {
  local node
  case $1 in
    official)
      PATH=$PATH:$HOME/.pulumi/bin
      if ! node_runs; then node=$(bench/node.sh); PATH=$node:$PATH; fi;;
    bench)
      node=$(bench/node.sh)
      # BERTH_PLUGIN_PATH: other plugins than the stand-ins, to compare.
      PATH=${BERTH_PLUGIN_PATH:-$ROOT/bench/plugins/bin}:$BENCH_HOME/bin:$node:$PATH
      BERTH_OFF="${BERTH_OFF-$(sed -nE 's/^([a-z][a-z0-9-]*) .*/\1/p' bench/hub/missing.txt | xargs)}"
      BERTH_BASE_IMAGES="${BERTH_BASE_IMAGES-$(instead)}"
      BERTH_INSTEAD="${BERTH_INSTEAD-$(tr -d '\n' < bench/hub/instead.json)}"
      export BERTH_OFF BERTH_BASE_IMAGES BERTH_INSTEAD;;
  esac
  export PATH PULUMI_SKIP_UPDATE_CHECK=true PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK=true
  export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-node}
  # A proxy is for what is elsewhere: the program would take it for the CLI on this machine too.
  export no_grpc_proxy=${no_grpc_proxy:-localhost,127.0.0.1}
  # The CLI and the providers are programs in Go, at work for seconds: they look for garbage half as often, and take 40 MiB more.
  export GOGC=${GOGC:-200}
}

# Makes sure of everything that a run needs: CLI, engine, base images, packages.
set_up() { # [stack]
  local tools; tools=$(which_tools)
  if [ "$tools" = absent ]; then
    confirm "Pulumi is not installed. Install it into ~/.pulumi with Pulumi's own installer?" || die "install Pulumi (pulumi.com/docs/install), then run this again"
    curl -fsSL https://get.pulumi.com | sh >&2
    tools=official
  fi
  if [ "$tools" = bench ]; then
    [ -x "$BENCH_HOME/bin/pulumi" ] || confirm "Neither Pulumi nor its downloads are here. Build the bench (CLI, engine, base images from package registries; about 10 minutes)?" \
      || die "nothing was installed"
    local asked=("$(value_of "${1:-}" berth:system)")
    [ "$(value_of "${1:-}" berth:logs)" != victorialogs ] || asked+=(collector victorialogs)
    bench/up.sh "${asked[@]}" >&2
  fi
  use_tools "$tools"
  engine_answers "${1:-}"
  packages
}

# What a stack file says on a line of its own; nothing, where it does not say.
value_of() { sed -nE "s/^ *[\"']?$2[\"']?: *[\"']?([^\"' ]+).*/\1/p" "Pulumi.$1.yaml" 2>/dev/null || true; } # stack key

# The engine that the program uses: the stack file's, otherwise DOCKER_HOST, otherwise that of the docker client's context,
# which the docker provider is told of, because it knows no contexts.
use_engine() { # [stack]
  local host='' tls=''
  [ -z "${1:-}" ] || host=$(value_of "$1" docker:host)
  host=${host:-${DOCKER_HOST:-}}
  if [ -z "$host" ]; then
    read -r host tls < <(docker context inspect --format '{{.Endpoints.docker.Host}} {{.Storage.TLSPath}}' 2> /dev/null) || true
    # With the certificates that the context has for it.
    [ ! -f "${tls:-}/docker/cert.pem" ] || export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$tls/docker
  fi
  case $host in ''|unix:///var/run/docker.sock) ;; *) export DOCKER_HOST=$host;; esac
}
engine_answers() { # [stack]
  local answer
  use_engine "${1:-}"
  answer=$(docker version --format '{{.Server.Version}}' 2>&1) && return
  case $answer in
    *[Pp]ermission*) die "the Docker engine refuses this user: add yourself to its group (sudo usermod -aG docker $(id -un), then log in again) or run as root";;
    *"is too old"*) die "the docker client here is too old for the engine at ${DOCKER_HOST:-the default socket}: upgrade it (docs.docker.com/engine/install). It said: $answer";;
    *) die "no Docker engine answers at ${DOCKER_HOST:-the default socket}: start it (systemctl start docker, or Docker Desktop), or name one with DOCKER_HOST. It said: $answer";;
  esac
}

# Installs the locked packages when the lock file changed.
packages() {
  local lock; lock=$(sha256sum < package-lock.json)
  [ "$(cat node_modules/.berth-lock 2>/dev/null)" != "$lock" ] || return 0
  mkdir -p .state
  # Another stack of this checkout may begin at the same time.
  {
    ! command -v flock > /dev/null || flock 9
    [ "$(cat node_modules/.berth-lock 2>/dev/null)" = "$lock" ] || {
      say "installing packages"
      install_packages .
      echo "$lock" > node_modules/.berth-lock
    }
  } 9> .state/.packages.lock
}
# All of them, whatever NODE_ENV or npm's settings leave out: the policy is one for development.
install_packages() { npm ci --prefix "$1" --include=dev --no-audit --no-fund --loglevel=error >&2; } # folder

# Whether everybody may know a stack's secrets: its environment says so, whatever it is called.
is_public() { [ "$(value_of "$1" berth:environment)" = dev ]; } # stack

passphrase() { # stack
  local file=${PULUMI_CONFIG_PASSPHRASE_FILE:-}
  [ -z "${PULUMI_CONFIG_PASSPHRASE+x}" ] || return 0
  if [ -n "$file" ]; then
    { [ -f "$file" ] && [ -r "$file" ]; } || die "PULUMI_CONFIG_PASSPHRASE_FILE is $file, which is no file that can be read: name the one that has the passphrase of stack $1, or set PULUMI_CONFIG_PASSPHRASE"
    return
  fi
  # Not with a passphrase, but by a key in some cloud: its access is the environment's.
  case $(value_of "$1" secretsprovider) in ''|passphrase|default) ;; *) return;; esac
  if is_public "$1"; then export PULUMI_CONFIG_PASSPHRASE=$DEV_PASSPHRASE; return; fi
  # The CLI asks nobody where it is told to change something without asking.
  [ -t 0 ] || die "stack $1 has its own passphrase: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"
  read -rsp "Passphrase of stack $1: " PULUMI_CONFIG_PASSPHRASE; say ''
  export PULUMI_CONFIG_PASSPHRASE
}

# One run at a time changes a stack: starts the calling script again under a lock, which ends with it however it ends.
lock() { # stack [arguments of the script]
  if [ "${BERTH_LOCKED:-}" = "$1" ] || ! command -v flock > /dev/null; then return; fi
  local again=("$ROOT/.state/$1.lock" "$ROOT/bin/${0##*/}" "${@:2}") code=0
  export BERTH_LOCKED=$1
  { mkdir -p .state && : >> ".state/$1.lock"; } 2> /dev/null ||
    die "$ROOT/.state cannot be written or read: whose is it (ls -ld), and is there room (df -h)?"
  flock --close --nonblock --conflict-exit-code 75 "${again[@]}" || code=$?
  [ $code = 75 ] || exit $code
  say "another run is at work on stack $1: waiting for it to end"
  exec flock --close "${again[@]}"
}

# The running container of a service; nothing, if there is none.
container_of() { docker ps -q --filter "label=berth.stack=$1" --filter "label=berth.service=$2" | head -1; } # stack service

backup_of() { # stack
  local found; found=$(container_of "$1" backup)
  [ -n "$found" ] || ! grep -q '^ *["'\'']\?berth:backup["'\'']\?:' "Pulumi.$1.yaml" || die "backup of stack $1 does not run: bin/up $1, then again"
  [ -n "$found" ] || die "stack $1 makes no backups: pulumi config set --path berth:backup.every 6h --stack $1, then bin/up $1"
  echo "$found"
}

# Puts right what a killed run left, of bin/up or of plain pulumi.
recover() { node bin/recover.ts "$1"; } # stack

# Makes sure of a stack. One that is new is created, and selected for plain pulumi.
find_stack() { # stack
  passphrase "$1"
  mkdir -p .state
  if [ -n "${PULUMI_BACKEND_URL:-}" ] || [ ! -f ".state/.pulumi/stacks/berth/$1.json" ]; then
    pulumi stack select "$1" --create --non-interactive > /dev/null
  fi
}
