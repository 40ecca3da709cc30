# shellcheck shell=bash
# Where the lints have their programs from: folders of Python packages in the cache, one for each set of versions.
# Sourced, never run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/berth-python
mkdir -p "$CACHE"

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Whoever comes second waits, and finds what the first one made.
alone() { (flock 9; "$@") 9> "$CACHE/lock"; } # command...

# Puts the programs of the packages on PATH; installs them where they are not there.
use_packages() { # requirements file...
  local python folder
  python=$(command -v python3.11 || command -v python3) || die "Python 3.11 or later is needed: there is no python3"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "Python 3.11 or later is needed, found $("$python" --version)"
  # By what is installed, so that a file more with the same packages installs nothing.
  folder=$CACHE/$({ "$python" --version; cat "$@" | grep -E '^[A-Za-z]' | sort -u; } | sha256sum | cut -c1-16)
  [ -e "$folder/whole" ] || alone install "$python" "$folder" "$@"
  PATH=$folder/bin:$PATH
}

install() { # python folder requirements file...
  local python=$1 folder=$2 file files=()
  [ ! -e "$folder/whole" ] || return 0
  for file in "${@:3}"; do files+=(--requirement "$file"); done
  say "installing the packages of ${*:3}"
  rm -rf "$folder"
  "$python" -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --no-compile "${files[@]}" >&2
  touch "$folder/whole"
}

# The linters, and what the Python under services/ imports: one folder for all lints, and so one version of each package.
use_linters() { use_packages test/lint/requirements.txt services/*/requirements*.txt; }
