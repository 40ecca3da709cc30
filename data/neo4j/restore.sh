#!/bin/sh
# Puts the graph of a backup in the place of the one that runs (bin/restore, systems/stores/store.ts). Runs in the container of the job that
# makes log-ins, which has the superuser's password and a client.
set -eu
case $1 in
  says)
    echo "Neo4j: the graph of the backup takes the place of the one that runs, in one transaction; what came later is deleted";;
  load)
    exec python -m stores neo4j-restore;;
esac
