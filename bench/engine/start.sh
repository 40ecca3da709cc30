#!/usr/bin/env bash
# Starts a Docker engine and a loopback registry that serves the hub's images as Docker Hub would.
# Safe to run again; ended by stop.sh. An engine that already answers is used as it is.
set -euo pipefail
BENCH_NAME=engine
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DIR=$BENCH_HOME/engine
REGISTRY_PID=$DIR/registry.pid
ENGINE_PID=$DIR/dockerd.pid
REGISTRY_LOG=$BENCH_HOME/log/registry.log
ENGINE_LOG=$BENCH_HOME/log/dockerd.log
SOCKET=/var/run/docker.sock

engine_answers() { timeout 20 docker version --format '{{.Server.Version}}' 2>/dev/null; }

# A log of an earlier run is kept once, so that they do not grow for ever.
fresh_log() { [[ ! -s $1 ]] || mv -f "$1" "$1.old"; : >"$1"; }

start_registry() {
  apt_install curl docker-registry
  if registry_up; then return 0; fi
  stop_pid "$REGISTRY_PID" docker-registry 5
  mkdir -p "$DIR/registry"
  cat >"$DIR/registry.yml" <<YAML
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $DIR/registry}
  delete: {enabled: true}
http: {addr: "$BENCH_REGISTRY"}
YAML
  fresh_log "$REGISTRY_LOG"
  launch "$REGISTRY_LOG" docker-registry serve "$DIR/registry.yml"
  echo $! >"$REGISTRY_PID"
  local i
  for ((i = 0; i < 100; i++)); do
    registry_up && { say "registry on $BENCH_REGISTRY"; return 0; }
    pid_is "$REGISTRY_PID" docker-registry || ((i < 10)) || break
    sleep 0.1
  done
  die_with_log "the registry does not answer on $BENCH_REGISTRY (another program on that port? set BERTH_BENCH_REGISTRY=127.0.0.1:<port>)" "$REGISTRY_LOG"
}

# What a crash leaves behind: pid files whose process is gone (or is by now something else), sockets nobody listens on.
clear_leftovers() {
  local containerd=/var/run/docker/containerd/containerd.pid socket
  pid_is "$ENGINE_PID" dockerd || rm -f "$ENGINE_PID"
  pid_is "$containerd" containerd || rm -f "$containerd"
  pid_is /var/run/docker.pid dockerd || rm -f /var/run/docker.pid
  for socket in "$SOCKET" /run/containerd/containerd.sock; do
    [[ ! -S $socket ]] || ss -xlH | grep -qE "${socket#/var}[[:space:]]" || rm -f "$socket"
  done
}

# The uplink's MTU: a larger one inside containers stalls big transfers.
uplink_mtu() {
  local dev
  dev=$(ip route show default | sed -nE '1s/.* dev (\S+).*/\1/p')
  cat "/sys/class/net/${dev:-lo}/mtu" 2>/dev/null | awk '{print ($1 > 1500) ? 1500 : $1}'
}

start_engine() {
  apt_install docker.io iptables iproute2 ca-certificates
  clear_leftovers
  mkdir -p "$DIR/docker"
  cat >"$DIR/daemon.json" <<JSON
{
  "data-root": "$DIR/docker",
  "pidfile": "$ENGINE_PID",
  "registry-mirrors": ["http://$BENCH_REGISTRY"],
  "features": {"buildkit": true},
  "live-restore": false,
  "mtu": $(uplink_mtu)
}
JSON
  fresh_log "$ENGINE_LOG"
  say "starting dockerd (log: $ENGINE_LOG)"
  launch "$ENGINE_LOG" dockerd --config-file "$DIR/daemon.json"
  local pid=$! i version
  for ((i = 0; i < 300; i++)); do
    if version=$(engine_answers); then say "Docker engine $version answers"; return 0; fi
    kill -0 "$pid" 2>/dev/null || die_with_log "dockerd ended at once" "$ENGINE_LOG"
    sleep 0.2
  done
  die_with_log "dockerd does not answer after 60 s" "$ENGINE_LOG"
}

main() {
  mkdir -p "$DIR" "$BENCH_HOME/log"
  only_one engine
  local version
  if ! command -v docker >/dev/null || ! version=$(engine_answers); then
    need_root "starting a Docker engine"
    start_registry
    start_engine
  elif pid_is "$ENGINE_PID" dockerd; then
    start_registry
    say "Docker engine $version answers already"
  else
    start_registry
    say "using the engine that already answers ($version), it is not the bench's own"
  fi
}
main "$@"
