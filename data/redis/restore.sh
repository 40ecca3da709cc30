#!/bin/sh
# Puts the keys of a snapshot over what runs (bin/restore, systems/stores/store.ts). Runs in the container of the job that
# makes users, which has the password: it goes in by standard input, because a process's environment can be read in /proc.
set -eu
case $1 in
  says)
    echo "Redis: keys of the snapshot replace those of the same name; jobs that waited then wait again";;
  load)
    { printf "AUTH admin "; cat /etc/berth/secrets/admin-password; echo; cat; } | redis-cli -h redis --pipe >&2;;
esac
