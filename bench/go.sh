# shellcheck shell=bash
# A Go for what the bench builds on this machine: its own where it is new enough, otherwise one from the Go module proxy. Sourced, never
# run, after engine/lib.sh; LOG is where a failure is told.

TOOLCHAIN=1.26.8

# new_enough GO MODULE: at least the version that its go.mod asks for?
new_enough() {
  local need have
  command -v "$1" >/dev/null || return 1
  need=$(sed -nE 's/^go ([0-9.]+)$/\1/p' "$2/go.mod")
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
  mkdir -p "$BENCH_HOME/empty"
  dir=$(cd "$BENCH_HOME/empty" && GOFLAGS=-mod=mod GOTOOLCHAIN=local go mod download -json "$module" 2>"$LOG" |
    sed -nE 's/^\s*"Dir": "(.*)",?$/\1/p') || true
  [[ -n $dir ]] || die_with_log "the Go module proxy did not give $module: install Go $TOOLCHAIN by hand" "$LOG"
  rm -rf "$BENCH_HOME/go"
  cp -r "$dir" "$BENCH_HOME/go"
  chmod -R u+w "$BENCH_HOME/go"
  chmod +x "$BENCH_HOME"/go/bin/* "$BENCH_HOME"/go/pkg/tool/*/*
}

# pick_go MODULE: GO is one that builds it.
pick_go() {
  local go
  for go in go "$BENCH_HOME/go/bin/go"; do
    if new_enough "$go" "$1"; then GO=$go; return 0; fi
  done
  fetch_toolchain
  # shellcheck disable=SC2034 # for the script that calls
  GO=$BENCH_HOME/go/bin/go
}
