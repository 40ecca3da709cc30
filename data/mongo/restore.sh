#!/bin/sh
# Puts the documents of a backup over what runs (bin/restore, systems/stores/store.ts). Runs in the container of the job that makes
# log-ins, which has the superuser's password and a client.
set -eu
case $1 in
  says)
    echo "MongoDB: documents of the backup replace those of the same id; what came later in their collections is deleted";;
  load)
    exec python -m stores mongo-restore "$MONGO_DATABASE";;
esac
