#!/bin/sh
# Grafana takes the admin's password when it makes its database, and never again: a rotated one has to be set there.
set -eu
if [ -e "$GF_PATHS_DATA/grafana.db" ]; then
  said=$(grafana cli --homepath "$GF_PATHS_HOME" admin reset-admin-password --password-from-stdin < /etc/berth/secrets/admin-password 2>&1) || said="$said (status $?)"
  # It ends with 0 although it changed nothing, so only its words tell.
  case $said in
    *"password changed successfully"*) ;;
    # Ended in the midst of its first start: it makes the admin now, with this password. Or somebody removed the admin.
    *"cannot be found"* | *"user not found"* | *user.notFound*) ;;
    # Going on would leave the former password valid.
    *) printf '%s\ngrafana: the new admin password could not be set, so it does not start\n' "$said" >&2; exit 1 ;;
  esac
fi
exec /run.sh
