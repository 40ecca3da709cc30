#!/bin/sh
# Brings a dump back, step by step (bin/restore, systems/stores/store.ts): into a database beside the one that runs,
# which takes its place by a change of names. Runs in the server's container, as the superuser through the socket.
set -eu
database=$POSTGRES_DB
sql() { psql -qAtX -v ON_ERROR_STOP=1 -U postgres -d "$1"; } # database; reads what it runs
reopen() { echo "ALTER DATABASE \"$database\" ALLOW_CONNECTIONS true" | sql postgres; }

case $1 in
  says) # [drop]
    echo "into the database $database; it is left without connections for a second," \
      "the former one stays as ${database}_former${2:+ until all is well}";;
  open) # A restore that was cut off just before the change of names left the door closed.
    reopen;;
  version) # [table column]
    [ $# -eq 3 ] || exit 0
    sql "$database" <<SQL
SELECT to_regclass('$2') IS NOT NULL AS known \gset
\if :known
SELECT $3 FROM $2;
\endif
SQL
    ;;
  facts) # [restored]
    sql "$database${2:+_$2}";;
  load)
    sql postgres <<SQL
SET client_min_messages = warning;
DROP DATABASE IF EXISTS "${database}_restored" WITH (FORCE);
CREATE DATABASE "${database}_restored" OWNER app_owner TEMPLATE template0;
SQL
    pg_restore --exit-on-error -U postgres -d "${database}_restored";;
  exchange)
    echo ANALYZE | sql "${database}_restored"
    sql postgres <<SQL || { reopen; exit 1; }
SET client_min_messages = warning;
DROP DATABASE IF EXISTS "${database}_former" WITH (FORCE);
ALTER DATABASE "$database" ALLOW_CONNECTIONS false;
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '$database' \g /dev/null
BEGIN;
ALTER DATABASE "$database" RENAME TO "${database}_former";
ALTER DATABASE "${database}_restored" RENAME TO "$database";
COMMIT;
ALTER DATABASE "${database}_former" ALLOW_CONNECTIONS true;
SQL
    ;;
  drop)
    echo "DROP DATABASE \"${database}_former\" WITH (FORCE)" | sql postgres;;
esac
