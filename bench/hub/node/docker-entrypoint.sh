#!/bin/sh
# Options and scripts are for node; anything that is a command runs as it is.
set -e
case ${1:-} in
-*) set -- node "$@" ;;
*) if ! command -v "${1:-node}" >/dev/null || { [ -f "$1" ] && ! [ -x "$1" ]; }; then set -- node "$@"; fi ;;
esac
exec "$@"
