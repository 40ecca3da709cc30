#!/bin/sh
# Grafana takes the admin's password when it makes its database, and never again: a rotated one has to be set there.
set -eu
if [ -e "$GF_PATHS_DATA/grafana.db" ]; then
  grafana cli --homepath "$GF_PATHS_HOME" admin reset-admin-password --password-from-stdin < /run/secrets/admin-password \
    || echo "grafana: the admin keeps the former password" >&2
fi
exec /run.sh
