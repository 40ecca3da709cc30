#!/bin/sh
# Drops the roles of former passwords, once nothing has been logged in with them for a while.
# Starts when every consumer of the new role is healthy; the old consumers are stopped only after that, and may finish what
# they do. A role that was made after ours belongs to a release that is still under way: it is left alone.
set -eu
role=$(cat /etc/berth/secrets/postgres-role)
database=$1 pause=$2
former=''
touch /tmp/done
while :; do
  idle=$(psql -qAtX -U postgres -d "$database" -v role="$role" -f /etc/berth/idle.sql) || idle=''
  for name in $idle; do
    # Idle at two looks.
    case " $former " in *" $name "*)
      psql -qX -U postgres -d "$database" -c "DROP ROLE \"$name\"" && echo "dropped role $name";;
    esac
  done
  former=$(echo "$idle" | tr '\n' ' ')
  sleep "$pause"
done
