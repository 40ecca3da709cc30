#!/usr/bin/env bash
# Settings by the environment (NEO4J_server_memory_heap_max__size is server.memory.heap.max_size), the password of the first start by
# NEO4J_AUTH or the file NEO4J_AUTH_PATH. Then the server; anything else that is asked for runs as it is. Plugins, and files in /conf, /ssl,
# /plugins, /import and /licenses, are left to the official image.
set -euo pipefail

fail() { printf 'docker-entrypoint: error: %s\n' "$*" >&2; exit 1; }
file=$NEO4J_HOME/conf/neo4j.conf

# default SETTING VALUE: where the file has none.
default() { grep -q "^$1=" "$file" 2>/dev/null || printf '%s=%s\n' "$1" "$2" >>"$file"; }

# put SETTING VALUE: in the place of what the file has. Arguments of Java are added to those that are there.
put() {
  [[ $1 == server.jvm.additional ]] || sed -i "/^${1//./\\.}=/d" "$file"
  printf '%s=%s\n' "$1" "$2" >>"$file"
}

settings() {
  local name setting
  default server.memory.pagecache.size 512M
  default server.default_listen_address 0.0.0.0
  default server.directories.run /run
  default server.directories.logs /logs
  for name in $(compgen -e NEO4J_); do
    case $name in NEO4J_AUTH | NEO4J_AUTH_PATH | NEO4J_EDITION | NEO4J_HOME | NEO4J_CONF | NEO4J_DEBUG | NEO4J_PLUGINS | NEO4J_ACCEPT_LICENSE_AGREEMENT) continue ;; esac
    setting=${name#NEO4J_}
    setting=${setting//_/.}
    [[ -z ${!name} ]] || put "${setting//../_}" "${!name}"
  done
}

password() {
  local auth=${NEO4J_AUTH:-}
  [[ -z ${NEO4J_AUTH_PATH:-} ]] || auth=$(<"$NEO4J_AUTH_PATH")
  case $auth in
    '') ;;
    none) put dbms.security.auth_enabled false ;;
    neo4j/neo4j) fail "the password cannot be 'neo4j', which is the default" ;;
    neo4j/*/* | neo4j/) fail 'NEO4J_AUTH needs neo4j/<password>, without another slash' ;;
    neo4j/*) neo4j-admin dbms set-initial-password "${auth#neo4j/}" ;;
    *) fail 'the user of NEO4J_AUTH is neo4j' ;;
  esac
}

main() {
  if [[ $(id -u) -eq 0 ]]; then
    chown -R neo4j:neo4j /data /logs "$NEO4J_HOME/conf"
    exec setpriv --reuid=neo4j --regid=neo4j --init-groups "${BASH_SOURCE[0]}" "$@"
  fi
  for folder in /data /logs; do [[ -w $folder ]] || fail "$folder is not writable for $(id -u):$(id -g)"; done
  settings
  [[ $1 == neo4j ]] || exec "$@"
  password
  local line
  line=$(neo4j console --dry-run)
  eval "exec $line"
}
main "$@"
