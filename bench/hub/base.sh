#!/usr/bin/env bash
# base.sh SUITE HASH: a Debian root by debootstrap, imported as berth-bench/debian:SUITE.
# It trusts the certificates this machine trusts and uses the mirror this machine uses.
set -euo pipefail
BENCH_NAME=hub
# shellcheck source-path=SCRIPTDIR source=../engine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../engine/lib.sh"

SUITE=$1 HASH=$2
ROOT=$BENCH_HOME/hub/root.$SUITE
LOG=$BENCH_HOME/log/debootstrap-$SUITE.log

bootstrap() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  rm -rf "$ROOT"
  mkdir -p "$ROOT"
  debootstrap --variant=minbase --include=ca-certificates --keyring="$keyring" \
    "$SUITE" "$ROOT" "$(debian_mirror)" >"$LOG" 2>&1 ||
    die_with_log "debootstrap of $SUITE failed (does the mirror in apt's sources have $SUITE?)" "$LOG"
}

apt_sources() {
  local mirror=$1 suite=$SUITE
  echo "deb $mirror $suite main"
  [[ $suite == sid ]] && return 0
  echo "deb $mirror $suite-updates main"
  # The security archive lies beside the main one, where this machine uses it.
  grep -rqsF "$mirror-security" /etc/apt/sources.list /etc/apt/sources.list.d &&
    echo "deb $mirror-security $suite-security main"
  return 0
}

configure() {
  local conf=$ROOT/etc/apt/apt.conf.d
  apt_sources "$(debian_mirror)" >"$ROOT/etc/apt/sources.list"
  rm -f "$ROOT"/etc/apt/sources.list.d/*
  # How this machine reaches its mirror (clock checks, proxies), as apt itself reports it.
  apt-config dump 2>/dev/null | grep -E '^Acquire::(Check-[A-Za-z-]+|https?::Proxy[^ ]*|Retries) ' >"$conf/10machine" || true
  cat >"$conf/20small" <<'CONF'
Acquire::Languages "none";
Acquire::GzipIndexes "true";
APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
CONF
  printf 'path-exclude /usr/share/%s/*\n' doc man info locale lintian >"$ROOT/etc/dpkg/dpkg.cfg.d/small"
  echo force-unsafe-io >"$ROOT/etc/dpkg/dpkg.cfg.d/unsafe-io"
  printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
  chmod 755 "$ROOT/usr/sbin/policy-rc.d"
}

# The machine's certificates that Debian's bundle lacks, each as a file of its own, then the usual update.
certificates() {
  local to=$ROOT/usr/local/share/ca-certificates
  mkdir -p "$to"
  awk -v to="$to" '
    /BEGIN CERTIFICATE/ { cert = "" ; on = 1 }
    on { cert = cert $0 "\n" }
    /END CERTIFICATE/ { on = 0
      if (FILENAME == ARGV[1]) known[cert] = 1
      else if (!(cert in known)) { known[cert] = 1; printf "%s", cert > (to "/machine-" ++n ".crt") } }
  ' "$ROOT/etc/ssl/certs/ca-certificates.crt" "$CA_BUNDLE"
  chroot "$ROOT" /usr/sbin/update-ca-certificates >>"$LOG" 2>&1
}

shrink() {
  local dir
  chroot "$ROOT" /usr/bin/apt-get clean
  for dir in doc man info locale lintian; do rm -rf "${ROOT:?}/usr/share/$dir"; mkdir "$ROOT/usr/share/$dir"; done
  find "$ROOT/var/cache" "$ROOT/var/log" "$ROOT/var/lib/apt/lists" -type f -delete
  rm -rf "$ROOT"/tmp/* "$ROOT"/var/tmp/* "$ROOT/etc/hostname" "$ROOT/etc/resolv.conf" "$ROOT/etc/machine-id"
  find "$ROOT/dev" -mindepth 1 -delete 2>/dev/null || true
}

import() {
  local bundle=/etc/ssl/certs/ca-certificates.crt name change=()
  for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS; do change+=(--change "ENV $name=$bundle"); done
  tar -C "$ROOT" --numeric-owner -c . |
    docker import "${change[@]}" --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
      --change 'CMD ["bash"]' --change "LABEL berth.bench.recipe=$HASH" - "berth-bench/debian:$SUITE" >/dev/null
  rm -rf "$ROOT"
}

bootstrap
configure
certificates
shrink
import
