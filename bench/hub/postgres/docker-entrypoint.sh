#!/usr/bin/env bash
# First start on an empty PGDATA: initdb, the asked-for database, the scripts in /docker-entrypoint-initdb.d on a
# server that listens on its socket only. Then, as on every start, the server itself.
set -Eeo pipefail

fail() { printf 'docker-entrypoint: error: %s\n' "$*" >&2; exit 1; }

# setting NAME DEFAULT: $NAME, or the content of the file $NAME_FILE, or the default; exported under NAME.
setting() {
  local name=$1 file=${1}_FILE
  [[ -z ${!name:-} || -z ${!file:-} ]] || fail "both $name and $file are set: use one of them"
  if [[ -n ${!file:-} ]]; then export "$name=$(<"${!file}")"; else export "$name=${!name:-$2}"; fi
  unset "$file"
}

# sql DATABASE PSQL-ARGUMENT...
sql() { psql -X -v ON_ERROR_STOP=1 --no-password --username "$POSTGRES_USER" --dbname "$@"; }

make_cluster() {
  [[ -n $POSTGRES_PASSWORD || $POSTGRES_HOST_AUTH_METHOD == trust ]] ||
    fail 'the database is new and has no superuser password: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE (or POSTGRES_HOST_AUTH_METHOD=trust, to let everybody in)'
  local with=(--username="$POSTGRES_USER")
  [[ -z ${POSTGRES_INITDB_WALDIR:-} ]] || with+=(--waldir "$POSTGRES_INITDB_WALDIR")
  # The arguments are a list of words in one variable, quotes included.
  eval "initdb \"\${with[@]}\" --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") ${POSTGRES_INITDB_ARGS:-}"
  printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption)}" >>"$PGDATA/pg_hba.conf"
}

run_hooks() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    [[ -f $file ]] || continue
    printf 'docker-entrypoint: running %s\n' "$file"
    # shellcheck disable=SC1090
    case $file in
      *.sh) if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
      *.sql) sql "$POSTGRES_DB" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | sql "$POSTGRES_DB" ;;
      *) printf 'docker-entrypoint: ignoring %s\n' "$file" ;;
    esac
  done
}

first_start() {
  setting POSTGRES_PASSWORD ''
  setting POSTGRES_USER postgres
  setting POSTGRES_DB "$POSTGRES_USER"
  setting POSTGRES_INITDB_ARGS ''
  export POSTGRES_HOST_AUTH_METHOD=${POSTGRES_HOST_AUTH_METHOD:-}
  make_cluster
  export PGPASSWORD=$POSTGRES_PASSWORD
  # The server's own arguments count for the temporary one too, except where it listens.
  set -- "$@" -c listen_addresses= -p "${PGPORT:-5432}"
  NOTIFY_SOCKET='' pg_ctl -D "$PGDATA" -w start -o "$(printf '%q ' "$@")"
  if [[ -z $(sql postgres -tA -v db="$POSTGRES_DB" <<<"SELECT 1 FROM pg_database WHERE datname = :'db'") ]]; then
    sql postgres -v db="$POSTGRES_DB" <<<'CREATE DATABASE :"db"'
  fi
  run_hooks
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
  printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

main() {
  [[ ${1:-} != -* ]] || set -- postgres "$@"
  [[ $1 == postgres ]] || exec "$@"
  local word
  for word in "$@"; do case $word in -\? | --help | --describe-config | -V | --version) exec "$@" ;; esac; done
  mkdir -p "$PGDATA"
  if [[ $(id -u) -eq 0 ]]; then
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
    chmod 700 "$PGDATA"
    chmod 3777 /var/run/postgresql
    export HOME=/var/lib/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "${BASH_SOURCE[0]}" "$@"
  fi
  chmod 700 "$PGDATA" 2>/dev/null || true
  if [[ ! -s $PGDATA/PG_VERSION ]]; then
    first_start "${@:2}"
  else
    printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
  fi
  exec "$@"
}
main "$@"
