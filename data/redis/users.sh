#!/bin/sh
# Makes the applications' Redis user, and notes which release made it and when. A container that merely restarts leaves the time as it was.
set -eu
user=$(cat /etc/berth/secrets/redis-user)
# The password goes in by standard input: a process's environment can be read in /proc.
admin() { redis-cli -e -h redis --user admin --askpass --no-auth-warning "$@" < /etc/berth/secrets/admin-password; }
# Commands from standard input: redis-cli goes on after an error, and exits with 0.
said=$({ cat /etc/berth/secrets/admin-password; echo; cat /etc/berth/secrets/users.redis; } | redis-cli -h redis --user admin --askpass --no-auth-warning | sort -u)
[ "$said" = OK ] || { echo "users were not made: $said"; exit 1; }
case $(admin HGET berth:users "$user") in "$(hostname) "*) ;; *) admin HSET berth:users "$user" "$(hostname) $(date +%s)";; esac
