#!/bin/sh
# Makes the applications' Redis user, and notes which release made it and when. A container that merely restarts leaves the time as it was.
set -eu
user=$(cat /run/secrets/redis-user)
export REDISCLI_AUTH; REDISCLI_AUTH=$(cat /run/secrets/admin-password)
admin() { redis-cli -e -h redis --user admin --no-auth-warning "$@"; }
admin < /run/secrets/users.redis
case $(admin HGET berth:users "$user") in "$(hostname) "*) ;; *) admin HSET berth:users "$user" "$(hostname) $(date +%s)";; esac
