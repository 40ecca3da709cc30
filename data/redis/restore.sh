#!/bin/sh
# Puts the keys of a snapshot over what runs (bin/restore, systems/stores/store.ts). Runs in the container of the job that
# makes users, which has the password: it goes in by standard input, because a process's environment can be read in /proc.
set -eu
case $1 in
  says)
    echo "Redis: keys of the snapshot replace those of the same name; jobs that waited then wait again";;
  load)
    # With its length before it: in a line of words, a space or a quote in the password would end it.
    password=/etc/berth/secrets/admin-password
    # shellcheck disable=SC2016 # dollars of Redis's protocol
    { printf '*3\r\n$4\r\nAUTH\r\n$5\r\nadmin\r\n$%d\r\n' "$(wc -c < "$password")"; cat "$password"; printf '\r\n'; cat; } \
      | redis-cli -h redis --pipe >&2;;
esac
