# shellcheck shell=bash
# What the bench builds of Go, and a Go to build it with: this machine's own where it is new enough, otherwise one from the Go module
# proxy. Sourced, never run, after engine/lib.sh. The script that calls has HERE, its folder with go.mod; LOG, where a failure is told;
# wanted, the version that go.mod says; version, what the first of its programs says of itself; and build, which makes PROGRAM.new of each.

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

# What decides what is built: the files of Go, and how they are compiled.
recipe() { { cat "$HERE"/go.*; find "$HERE" -name '*.go' -print0 | sort -z | xargs -0r cat; sed -n '/^build()/,/^}/p' "$HERE/build.sh"; } | sha256sum | cut -c1-16; }

# made TIME PROGRAM...: each is in the bench home's bin/, as HERE says. Left alone where it is.
made() {
  local time=$1 start=$SECONDS mark=$BENCH_HOME/$BENCH_NAME/built program missing=''
  shift
  mkdir -p "$BENCH_HOME/bin" "$BENCH_HOME/$BENCH_NAME" "$BENCH_HOME/log"
  only_one "$BENCH_NAME"
  for program in "$@"; do [[ -x $BENCH_HOME/bin/$program ]] || missing=1; done
  if [[ -z $missing && -f $mark && $(<"$mark") == "$(recipe)" ]]; then say "$1 $(wanted) is there"; return 0; fi
  pick_go "$HERE"
  say "building $1 $(wanted) with $("$GO" env GOVERSION); about $time on two cores the first time"
  build || die_with_log "building $1 failed (is the Go module proxy reachable? see 'go env GOPROXY')" "$LOG"
  for program in "$@"; do mv -f "$BENCH_HOME/bin/$program.new" "$BENCH_HOME/bin/$program"; done
  [[ $(version 2>/dev/null) == *"$(wanted)"* ]] || die "the built $1 does not report $(wanted)"
  recipe >"$mark"
  say "$1 $(wanted) built in $((SECONDS - start)) s: $BENCH_HOME/bin/$1"
}
