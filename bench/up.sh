#!/usr/bin/env bash
# Everything that networks with nothing but package registries need: Node, the Pulumi CLI, a Docker engine, base images.
# Safe to run again; quick when all is there. A system's name besides: what it alone is run on. State: $BERTH_BENCH_HOME, else ~/.cache/berth-bench.
set -euo pipefail
BENCH_NAME=bench
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=engine/lib.sh
. "$HERE/engine/lib.sh"

# The long build runs beside the rest, its lines into a file that is shown when it ends.
main() {
  local cli node_out=$BENCH_HOME/log/up-node.out cli_out=$BENCH_HOME/log/up-cli.out node failed=()
  mkdir -p "$BENCH_HOME/log"
  "$HERE/cli/build.sh" >"$cli_out" 2>&1 &
  cli=$!
  "$HERE/node.sh" >"$node_out" || failed+=(node.sh)
  "$HERE/engine/start.sh" && "$HERE/hub/build.sh" "$@" || failed+=(engine/start.sh or hub/build.sh)
  if [[ -d /proc/$cli ]] && ! grep -q 'is there' "$cli_out"; then say "waiting for the Pulumi CLI (log: $cli_out)"; fi
  wait "$cli" || failed+=(cli/build.sh)
  cat "$cli_out"
  [[ ${#failed[@]} -eq 0 ]] || die "not everything is there: ${failed[*]} (see above). Repair the cause and run bench/up.sh again"
  node=$(<"$node_out")
  say "ready after $SECONDS s. Put these first on PATH:"
  # shellcheck disable=SC2016
  printf '  export PATH=%s:%s:"$PATH"\n' "$BENCH_HOME/bin" "$node"
  say "the hub has instead of a system's own: $(tr -d '\n' <"$HERE/hub/instead.json")"
  say "the hub cannot supply:"
  sed -E 's/^#.*//; /^\s*$/d; s/^(-\s+)?(\S+)\s+(\S+)\s*#\s*(.*)/\2\t\3\t\4/' "$HERE/hub/missing.txt" | while IFS=$'\t' read -r name image why; do printf '  %-10s %-26s %s\n' "$name" "$image" "$why"; done
}
main "$@"
