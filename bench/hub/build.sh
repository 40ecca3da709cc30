#!/usr/bin/env bash
# Builds the images of images.txt from Debian packages and keeps them in the loopback registry, from where the engine
# pulls them by their Docker Hub names. What is there already is left alone; what was pruned is pulled back.
set -euo pipefail
BENCH_NAME=hub
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../engine/lib.sh
. "$HERE/../engine/lib.sh"

LIST=$HERE/images.txt
# Who some images are built for, and for nobody else: build.sh collector samplemind
ASKED=$*
PUSHED=$BENCH_HOME/hub/pushed
LABEL=berth.bench.recipe
declare -A RECIPE

rows() { sed 's/#.*//; /^[[:space:]]*$/d' "$LIST" | awk -v asked=" $ASKED " 'NF < 4 || $4 == "-" || index(asked, " " $4 " ") {print $1, $2, $3}'; }
suites() { rows | awk '!seen[$3]++ {print $3}'; }
hash() { sha256sum | cut -c1-16; }
marker() { printf '%s/%s\n' "$PUSHED" "${1//[\/:]/_}"; }

# The path of a Docker Hub name in a registry.
remote_path() { case $1 in */*) printf '%s\n' "$1" ;; *) printf 'library/%s\n' "$1" ;; esac; }

# The files of a recipe; what an image is like is said of it, and does not make it.
content() { find "$HERE/$1" -type f ! -name 'contract*.yaml' "${@:2}"; }
# Recipes of the images of this list that one is built on, which come before it.
on_others() {
  local from
  sed -nE 's/^FROM ([^ ]+).*/\1/p' "$HERE/$1/Dockerfile" | while read -r from; do
    [[ $from == berth-bench/* ]] || printf '%s' "${RECIPE[$from]:-}"
  done
}

# A recipe is everything that decides an image's content: its folder, its base, this machine's mirror and certificates.
recipes() {
  local suite image dir base
  base=$({ cat "$HERE/base.sh" "$CA_BUNDLE"; debian_mirror; } | hash)
  while read -r suite; do RECIPE[berth-bench/debian:$suite]=$(printf '%s' "$base $suite" | hash); done < <(suites)
  while read -r image dir suite; do
    [[ -f $HERE/$dir/Dockerfile ]] || die "images.txt names $dir for $image, and there is no $dir/Dockerfile"
    RECIPE[$image]=$({ printf '%s %s\n' "$image" "${RECIPE[berth-bench/debian:$suite]}"
      content "$dir" -printf '%P %m\n' | sort; content "$dir" -print | sort | xargs cat; on_others "$dir"; } | hash)
  done < <(rows)
}

# Through the engine's mirror, which stands for Docker Hub alone, an image is pulled by its own name, and then has a digest, by which
# bin/promote carries it. An engine that is not ours has no mirror.
mirrored() { [[ ${1%%/*} != *.* && $MIRRORS == *"$BENCH_REGISTRY"* ]]; }
# What the engine says of images, a line each, and whether a line says that all is well with one.
ask_engine() { "$DOCKER" image inspect -f "{{index .Config.Labels \"$LABEL\"}}{{if .RepoDigests}} digest{{end}}" "$@" 2>/dev/null; }
is_well() { [[ $2 == "${RECIPE[$1]} digest" ]] || { [[ $2 == "${RECIPE[$1]}" ]] && ! mirrored "$1"; }; } # image line
in_engine() { is_well "$1" "$(ask_engine "$1")"; }

in_registry() {
  local mark
  mark=$(marker "$1")
  [[ -f $mark && $(<"$mark") == "${RECIPE[$1]}" ]] && in_registry_at "$(manifest "$1")"
}
# in_registry_at URL...: whether it has all of these manifests.
in_registry_at() {
  curl -fsS --fail-early --noproxy '*' -m 5 -I -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "$@" >/dev/null 2>&1
}
manifest() {
  local path
  path=$(remote_path "$1")
  printf '%s\n' "http://$BENCH_REGISTRY/v2/${path%:*}/manifests/${path##*:}"
}

# By its own name where there is a mirror for it; otherwise by the registry's address.
pull() {
  local from
  from=$BENCH_REGISTRY/$(remote_path "$1")
  if mirrored "$1"; then
    "$DOCKER" pull -q "$1" >/dev/null || { say "could not pull $1 through the mirror $BENCH_REGISTRY (log: $BENCH_HOME/log/registry.log)"; return 1; }
  else
    "$DOCKER" pull -q "$from" >/dev/null && "$DOCKER" tag "$from" "$1" && "$DOCKER" rmi "$from" >/dev/null
  fi
}

# After the push the image is pulled by its name: that proves the way back, and gives it the digest a hub image has.
push() {
  local to
  to=$BENCH_REGISTRY/$(remote_path "$1")
  "$DOCKER" tag "$1" "$to"
  "$DOCKER" push -q "$to" >/dev/null || { say "could not push $1 to $BENCH_REGISTRY (log: $BENCH_HOME/log/registry.log)"; return 1; }
  "$DOCKER" rmi "$to" >/dev/null
  mkdir -p "$PUSHED"
  printf '%s\n' "${RECIPE[$1]}" >"$(marker "$1")"
  pull "$1"
}

build_image() {
  local image=$1 dir=$2 suite=$3 name args=() log old
  old=$("$DOCKER" image inspect -f '{{.Id}}' "$image" 2>/dev/null) || true
  log=$BENCH_HOME/log/image-$dir-$suite.log
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [[ -z ${!name:-} ]] || args+=(--build-arg "$name")
  done
  "$DOCKER" build -t "$image" --label "$LABEL=${RECIPE[$image]}" --build-arg "TAG=${image##*:}" --build-arg "SUITE=$suite" "${args[@]}" "$HERE/$dir" \
    >"$log" 2>&1 </dev/null || die_with_log "building $image failed" "$log"
  # The one before goes, unless a container or another name still holds it.
  [[ -z $old ]] || "$DOCKER" rmi "$old" >/dev/null 2>&1 || true
}

# ensure IMAGE COMMAND...: present in the engine and in the registry, by the cheapest way; COMMAND builds it.
ensure() {
  local image=$1 start=$SECONDS
  shift
  if in_engine "$image"; then
    in_registry "$image" || push "$image"
  elif in_registry "$image" && pull "$image" && in_engine "$image"; then
    say "$image restored from the registry"
  else
    "$@"
    push "$image"
    say "$image built in $((SECONDS - start)) s"
  fi
}

# All of them by one question each to engine and registry: every bin/up asks.
complete() {
  local image at=0 have urls=()
  mapfile -t have < <(ask_engine "$@")
  for image in "$@"; do
    is_well "$image" "${have[at++]:-}" && [[ $(cat "$(marker "$image")" 2>/dev/null) == "${RECIPE[$image]}" ]] || return 1
    urls+=("$(manifest "$image")")
  done
  in_registry_at "${urls[@]}"
}

# One suite from its root to its last image. Nothing at all is done when its images are there.
do_suite() {
  local suite=$1 image dir of images=()
  while read -r image dir of; do [[ $of != "$suite" ]] || images+=("$image"); done < <(rows)
  complete "${images[@]}" && return 0
  ensure "berth-bench/debian:$suite" "$HERE/base.sh" "$suite" "${RECIPE[berth-bench/debian:$suite]}"
  while read -r image dir of; do
    [[ $of != "$suite" ]] || ensure "$image" build_image "$image" "$dir" "$suite"
  done < <(rows)
}

main() {
  mkdir -p "$BENCH_HOME/hub" "$BENCH_HOME/log"
  only_one hub
  pick_docker
  MIRRORS=$("$DOCKER" info -f '{{.RegistryConfig.Mirrors}}' 2>/dev/null) || die "no Docker engine answers: run bench/engine/start.sh first"
  registry_up || die "no registry on $BENCH_REGISTRY: run bench/engine/start.sh first"
  recipes
  local images
  mapfile -t images < <(rows | awk '{print $1}')
  if complete "${images[@]}"; then say "all ${#images[@]} images are there"; return 0; fi
  [[ -d /usr/share/debootstrap ]] || apt_install debootstrap
  apt_install debian-archive-keyring ca-certificates curl
  local suite pids=() pid failed=false
  for suite in $(suites); do do_suite "$suite" & pids+=($!); done
  for pid in "${pids[@]}"; do wait "$pid" || failed=true; done
  ! $failed || die "not every image could be made (see above); the others are usable, and a new run continues here"
  say "all ${#images[@]} images are there"
}
main "$@"
