#!/bin/sh
# Options or a configuration file alone mean redis-server; root becomes the redis user.
set -e
case ${1:-} in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ]; then
  if [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis '{}' +
    exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
  fi
  [ "$(umask)" != 0022 ] || umask 0077
  # The official build has protected mode off by default; Debian's needs to be told, unless somebody decided.
  if ! printf '%s ' "$@" | grep -q protected-mode && ! { [ -f "${2:-}" ] && grep -q '^[[:space:]]*protected-mode' "$2"; }; then
    set -- "$@" --protected-mode no
  fi
fi
exec "$@"
