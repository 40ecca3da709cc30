#!/bin/sh
# Deletes the users of former passwords, once nothing has been connected as them for a while (see data/postgres/prune.sh).
set -eu
user=$(cat /etc/berth/secrets/redis-user)
pause=$1
# The password goes in by standard input: a process's environment can be read in /proc.
admin() { redis-cli -e -h redis --user admin --askpass --no-auth-warning "$@" < /etc/berth/secrets/admin-password; }
made() { admin HGET berth:users "$1" | cut -d' ' -f2; }
former=''
touch /tmp/done
while :; do
  idle=''
  for name in $(admin ACL USERS | grep '^app_' || true); do
    [ "$name" != "$user" ] || continue
    when=$(made "$name"); [ "${when:-0}" -lt "$(made "$user")" ] || continue
    admin CLIENT LIST | grep -q " user=$name " || idle="$idle $name"
  done
  for name in $idle; do
    case " $former " in *" $name "*)
      admin ACL DELUSER "$name" > /dev/null && admin ACL SAVE > /dev/null && admin HDEL berth:users "$name" > /dev/null && echo "deleted user $name";;
    esac
  done
  former=$idle
  sleep "$pause"
done
