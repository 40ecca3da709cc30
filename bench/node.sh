#!/usr/bin/env bash
# Makes sure of a Node that runs TypeScript as it is (>= 22.18) and prints the directory to put first on PATH.
# The machine's own is used when it is new enough; else one from the npm registry is kept in the bench home.
set -euo pipefail
BENCH_NAME=node
# shellcheck source-path=SCRIPTDIR source=engine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/engine/lib.sh"

NEED=22.18.0
VERSION=24.21.0
DIR=$BENCH_HOME/node-$VERSION
LOG=$BENCH_HOME/log/node.log

new_enough() {
  local have
  have=$("$1" --version 2>/dev/null) || return 1
  [[ $(printf '%s\n' "$NEED" "${have#v}" | sort -V | head -n 1) == "$NEED" ]]
}

# The platform's package holds the binary itself, so no install script has to run.
fetch() {
  local arch package
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) die "no Node in the npm registry for $(uname -m): install Node $NEED or newer by hand" ;;
  esac
  package=node-linux-$arch
  command -v npm >/dev/null || apt_install npm >&2
  say "fetching Node $VERSION from the npm registry" >&2
  rm -rf "$DIR.new"
  mkdir -p "$DIR.new"
  npm install --prefix "$DIR.new" --ignore-scripts --no-audit --no-fund --no-save --loglevel=error "$package@$VERSION" >"$LOG" 2>&1 ||
    die_with_log "npm could not install $package@$VERSION: install Node $NEED or newer by hand" "$LOG"
  rm -rf "$DIR"
  mv "$DIR.new" "$DIR"
  ln -sfn "node_modules/$package/bin" "$DIR/bin"
  new_enough "$DIR/bin/node" || die "Node $VERSION from the npm registry does not run on this machine"
}

main() {
  mkdir -p "$BENCH_HOME/log"
  only_one node >&2
  if new_enough node; then dirname "$(command -v node)"; return 0; fi
  new_enough "$DIR/bin/node" || fetch
  printf '%s\n' "$DIR/bin"
}
main "$@"
