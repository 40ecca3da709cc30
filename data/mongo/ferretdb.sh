#!/bin/sh
# Starts FerretDB, which takes the password of its first user by a variable alone. So one that only this container reaches makes that
# user, in a folder that gets its name when it is whole; the one that serves has no password in its environment.
set -eu
data=/state/data
if [ ! -e "$data" ]; then
  rm -rf /state/first
  mkdir /state/first
  FERRETDB_SETUP_DATABASE=admin FERRETDB_SETUP_USERNAME=root FERRETDB_SETUP_PASSWORD=$(cat /etc/berth/secrets/root-password) \
    FERRETDB_SQLITE_URL=file:/state/first/ FERRETDB_LISTEN_ADDR=127.0.0.1:27018 FERRETDB_DEBUG_ADDR=127.0.0.1:8089 ferretdb &
  # It is ready once its first user can log in. The health check asks the other one.
  until wget -q -O /dev/null http://127.0.0.1:8089/debug/readyz; do
    kill -0 $!
    sleep 0.2
  done
  kill $!
  wait $! || true
  mv /state/first "$data"
fi
exec ferretdb
