#!/bin/sh
# The engine's machine and the containers of this stack. The node exporter measures the machine; what each container uses is read
# here, from the kernel's counters (cgroups, v1 or v2), and handed to it as a file: docs/decisions/0011-container-metrics.md.
#
# The kernel knows containers by id only. The engine's DNS knows the names of those that share a network with this one, which are
# this stack's; what it does not know is left out, and not asked for for ever.
set -u
export root=/sys/fs/cgroup prefix='@{prefix}-' services='@{services}' names=/tmp/names state=/tmp
metrics=/tmp/metrics
mkdir -p "$metrics" "$names"
: > "$state/before"

# `inode directory id` of every container. A container that is started again has a new directory under the same id.
containers() {
  top=$root
  [ -e "$root/cgroup.controllers" ] || top=$root/memory
  find "$top" -type d 2>/dev/null | grep -E '/(docker-)?[0-9a-f]{64}(\.scope)?$' | xargs -r stat -c '%i %n' 2>/dev/null |
    sed -E "s#^([0-9]+) $top(.*/(docker-)?([0-9a-f]{64})(\.scope)?)\$#\1 \2 \4#"
}

# Asks for the names that are not known, at most three times each, ten at once: a machine may have hundreds of others' containers,
# and all of them at once are more processes than the memory limit holds.
look_up() {
  asked=0
  while read -r _ _ id; do
    if [ ! -s "$names/$id" ] && [ ! -e "$names/$id.3" ]; then
      name_of "$id" &
      asked=$((asked + 1))
      [ $((asked % 10)) != 0 ] || wait
    fi
  done < "$state/now"
  wait
}
name_of() {
  short=$(printf %.12s "$1")
  address=$(timeout 2 nslookup -type=a "$short" 2>/dev/null | awk '/^Address/ { address = $NF } END { print address }')
  case $address in *.*.*.*:*|'') ;; *) timeout 2 nslookup "$address" 2>/dev/null | sed -nE 's/.*name = ([^.]+)\..*/\1/p' > "$names/$1"; esac
  [ -s "$names/$1" ] && return
  for try in 1 2 3; do [ -e "$names/$1.$try" ] || { : > "$names/$1.$try"; break; }; done
}

round() {
  containers > "$state/now"
  # Most of a machine's containers come and go: what is still there is asked for again.
  find "$names" -type f -mmin +60 -exec rm -f {} +
  look_up
  awk -f /etc/berth/containers.awk "$state/now" > "$metrics/containers.new" && mv "$metrics/containers.new" "$metrics/containers.prom"
  mv "$state/after" "$state/before"
}

while :; do round; sleep '@{interval}'; done &
exec node_exporter --collector.disable-defaults --collector.cpu --collector.meminfo --collector.loadavg \
  --collector.filesystem --collector.vmstat --collector.textfile --collector.textfile.directory="$metrics" --log.level=warn
