#!/usr/bin/env bash
# Ends what start.sh started, and nothing else. Images and volumes stay where they are.
set -euo pipefail
BENCH_NAME=engine
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local dir=$BENCH_HOME/engine ours=false
  mkdir -p "$dir"
  only_one engine
  if pid_is "$dir/dockerd.pid" dockerd; then
    ours=true
    say "stopping dockerd"
    stop_pid "$dir/dockerd.pid" dockerd 60
  fi
  # dockerd ends its containerd itself, unless it was killed.
  $ours && stop_pid /var/run/docker/containerd/containerd.pid containerd 10
  if pid_is "$dir/registry.pid" docker-registry; then
    say "stopping the registry"
    stop_pid "$dir/registry.pid" docker-registry 10
  fi
  say "stopped"
}
main "$@"
