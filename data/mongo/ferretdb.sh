#!/bin/sh
# Starts FerretDB, which takes the password of its first user by a variable alone: of this process, and of nobody who inspects the container.
set -eu
mkdir -p /state/data
FERRETDB_SETUP_PASSWORD=$(cat /etc/berth/secrets/root-password)
export FERRETDB_SETUP_PASSWORD
exec ferretdb
