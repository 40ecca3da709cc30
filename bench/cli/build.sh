#!/usr/bin/env bash
# Builds the Pulumi CLI of go.mod into the bench home's bin/, from the Go module proxy. Left alone when it is there.
set -euo pipefail
BENCH_NAME=cli
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../engine/lib.sh
. "$HERE/../engine/lib.sh"

TOOLCHAIN=1.26.8
PACKAGE=github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
BINARY=$BENCH_HOME/bin/pulumi
MARK=$BENCH_HOME/cli/built
LOG=$BENCH_HOME/log/cli.log

wanted() { sed -nE 's#^\s*github.com/pulumi/pulumi/pkg/v3 (v\S+).*#\1#p' "$HERE/go.mod"; }
recipe() { { cat "$HERE/go.mod" "$HERE/go.sum"; sed -n '/^build()/,/^}/p' "${BASH_SOURCE[0]}"; } | sha256sum | cut -c1-16; }

# new_enough GO: at least the version that go.mod asks for?
new_enough() {
  local need have
  command -v "$1" >/dev/null || return 1
  need=$(sed -nE 's/^go ([0-9.]+)$/\1/p' "$HERE/go.mod")
  have=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) && have=${have#go}
  [[ -n $have && $(printf '%s\n' "$need" "$have" | sort -V | head -n 1) == "$need" ]]
}

# The toolchain is a module like any other, so any older Go can fetch it.
fetch_toolchain() {
  local dir arch module
  command -v go >/dev/null || apt_install golang-go ca-certificates
  arch=$(go env GOARCH)
  module=golang.org/toolchain@v0.0.1-go$TOOLCHAIN.linux-$arch
  say "fetching Go $TOOLCHAIN (this machine's is missing or older than go.mod asks for)"
  # From an empty folder: an older Go cannot read a newer go.mod.
  mkdir -p "$BENCH_HOME/cli/empty"
  dir=$(cd "$BENCH_HOME/cli/empty" && GOFLAGS=-mod=mod GOTOOLCHAIN=local go mod download -json "$module" 2>"$LOG" |
    sed -nE 's/^\s*"Dir": "(.*)",?$/\1/p') || true
  [[ -n $dir ]] || die_with_log "the Go module proxy did not give $module: install Go $TOOLCHAIN by hand" "$LOG"
  rm -rf "$BENCH_HOME/go"
  cp -r "$dir" "$BENCH_HOME/go"
  chmod -R u+w "$BENCH_HOME/go"
  chmod +x "$BENCH_HOME"/go/bin/* "$BENCH_HOME"/go/pkg/tool/*/*
}

pick_go() {
  local go
  for go in go "$BENCH_HOME/go/bin/go"; do
    if new_enough "$go"; then GO=$go; return 0; fi
  done
  fetch_toolchain
  GO=$BENCH_HOME/go/bin/go
}

build() {
  (cd "$HERE" && GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=readonly CGO_ENABLED=0 nice "$GO" build -o "$BINARY.new" \
    -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(wanted)" "$PACKAGE") >"$LOG" 2>&1
}

main() {
  mkdir -p "$BENCH_HOME/bin" "$BENCH_HOME/cli" "$BENCH_HOME/log"
  only_one cli
  local start=$SECONDS
  if [[ -x $BINARY && -f $MARK && $(<"$MARK") == "$(recipe)" ]]; then say "pulumi $(wanted) is there"; return 0; fi
  pick_go
  say "building pulumi $(wanted) with $("$GO" env GOVERSION); about five minutes on two cores the first time"
  build || die_with_log "building pulumi failed (is the Go module proxy reachable? see 'go env GOPROXY')" "$LOG"
  mv -f "$BINARY.new" "$BINARY"
  [[ $("$BINARY" version 2>/dev/null) == "$(wanted)" ]] || die "the built pulumi does not report $(wanted)"
  recipe >"$MARK"
  say "pulumi $(wanted) built in $((SECONDS - start)) s: $BINARY"
}
main "$@"
