#!/bin/sh
# Runs the hooks in /docker-entrypoint.d before nginx itself, then whatever was asked for.
set -e
case $1 in
nginx | nginx-debug)
  for hook in /docker-entrypoint.d/*; do
    [ -x "$hook" ] || continue
    # shellcheck disable=SC1090
    case $hook in
    *.envsh) . "$hook" ;;
    *.sh) "$hook" ;;
    esac
  done
  ;;
esac
exec "$@"
