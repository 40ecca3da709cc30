#!/usr/bin/env bash
# Builds the Pulumi CLI of go.mod into the bench home's bin/, from the Go module proxy. Left alone when it is there.
set -euo pipefail
BENCH_NAME=cli
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../engine/lib.sh
. "$HERE/../engine/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../go.sh
. "$HERE/../go.sh"

PACKAGE=github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
BINARY=$BENCH_HOME/bin/pulumi
MARK=$BENCH_HOME/cli/built
LOG=$BENCH_HOME/log/cli.log

wanted() { sed -nE 's#^\s*github.com/pulumi/pulumi/pkg/v3 (v\S+).*#\1#p' "$HERE/go.mod"; }
recipe() { { cat "$HERE/go.mod" "$HERE/go.sum"; sed -n '/^build()/,/^}/p' "${BASH_SOURCE[0]}"; } | sha256sum | cut -c1-16; }

build() {
  (cd "$HERE" && GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=readonly CGO_ENABLED=0 nice "$GO" build -o "$BINARY.new" \
    -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(wanted)" "$PACKAGE") >"$LOG" 2>&1
}

main() {
  mkdir -p "$BENCH_HOME/bin" "$BENCH_HOME/cli" "$BENCH_HOME/log"
  only_one cli
  local start=$SECONDS
  if [[ -x $BINARY && -f $MARK && $(<"$MARK") == "$(recipe)" ]]; then say "pulumi $(wanted) is there"; return 0; fi
  pick_go "$HERE"
  say "building pulumi $(wanted) with $("$GO" env GOVERSION); about five minutes on two cores the first time"
  build || die_with_log "building pulumi failed (is the Go module proxy reachable? see 'go env GOPROXY')" "$LOG"
  mv -f "$BINARY.new" "$BINARY"
  [[ $("$BINARY" version 2>/dev/null) == "$(wanted)" ]] || die "the built pulumi does not report $(wanted)"
  recipe >"$MARK"
  say "pulumi $(wanted) built in $((SECONDS - start)) s: $BINARY"
}
main "$@"
