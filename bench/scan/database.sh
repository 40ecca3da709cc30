#!/usr/bin/env bash
# Makes a database for Trivy, of Debian's security suites and what else trivy-database is told: database.sh CACHE [OPTION ...]
# Prints as JSON what it can judge (database.go).
set -euo pipefail
BENCH_NAME=scan
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../engine/lib.sh
. "$HERE/../engine/lib.sh"

# Debian's releases that have a security suite, by their numbers.
SUITES=("12=bookworm-security" "13=trixie-security")
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# apt fetches the lists of sources, and believes none without a signature of Debian's. They lie apart from the machine's own.
lists() { # folder
  local suite mirror
  mirror=$(debian_mirror) || return 1
  mkdir -p "$1/lists/partial" "$1/cache"
  for suite in "${SUITES[@]}"; do
    printf 'deb-src [signed-by=%s] %s-security %s main\n' "$KEYRING" "$mirror" "${suite#*=}"
  done >"$1/sources.list"
  apt-get -q update -o APT::Sandbox::User= -o Acquire::GzipIndexes=false -o Acquire::Languages=none -o APT::Update::Error-Mode=any \
    -o "Dir::Etc::sourcelist=$1/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$1/lists" -o "Dir::Cache=$1/cache" >&2
}

main() {
  local work suite file args=("$@")
  # apt takes a path that is relative for one from the root.
  work=$(realpath -m "$1")/debian
  if lists "$work"; then
    for suite in "${SUITES[@]}"; do
      file=$(find "$work/lists" -name "*_${suite#*=}_main_source_Sources")
      [[ -z $file ]] || args+=(-suite "$suite=$file")
    done
  else
    say "Debian's security suites could not be fetched: nothing is judged by them" >&2
  fi
  exec trivy-database "${args[@]}"
}
main "$@"
