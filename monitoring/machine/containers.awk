# Lines `inode directory id` to metrics of those containers whose service is known; see start.sh.
function first(file,  line) { if ((getline line < file) <= 0) line = ""; close(file); return line }
function sum(file, keys,  line, part, total) {
  while ((getline line < file) > 0) { split(line, part, " "); if (index(keys, " " part[1] " ")) total += part[2] }
  close(file)
  return total + 0
}
function sample(name, type, value) {
  if (!(name in text)) text[name] = "# TYPE " name " " type "\n"
  text[name] = text[name] sprintf("%s{service=\"%s\",tier=\"%s\",container=\"%s\"} %.14g\n", name, service, tier[service], container, value)
}
# The longest name that the container's begins with: postgres-exporter is not postgres.
function service_of(name,  one, found) {
  if (index(name, ENVIRON["prefix"]) != 1) return ""
  name = substr(name, length(ENVIRON["prefix"]) + 1) "-"
  for (one in tier) if (index(name, one "-") == 1 && length(one) > length(found)) found = one
  return found
}
BEGIN {
  root = ENVIRON["root"]
  v2 = first(root "/cgroup.controllers") != ""
  count = split(ENVIRON["services"], pairs, " ")
  for (i = 1; i <= count; i++) { split(pairs[i], pair, "="); tier[pair[1]] = pair[2] }
  while ((getline line < (ENVIRON["state"] "/before")) > 0) { split(line, part, " "); inode[part[1]] = part[2]; restarts[part[1]] = part[3]; away[part[1]] = part[4] + 1 }
  after = ENVIRON["state"] "/after"
  printf "" > after
}
{
  id = $3
  if (id in inode && inode[id] != $1) restarts[id]++
  inode[id] = $1
  away[id] = 0
  container = first(ENVIRON["names"] "/" id)
  service = service_of(container)
  if (service == "") next
  if (v2) {
    group = root $2
    used = first(group "/memory.current") - sum(group "/memory.stat", " active_file inactive_file ")
    limit = first(group "/memory.max")
    cpu = sum(group "/cpu.stat", " usage_usec ") / 1e6
    throttled = sum(group "/cpu.stat", " throttled_usec ") / 1e6
    split(first(group "/cpu.max"), cores, " ")
  } else {
    used = first(root "/memory" $2 "/memory.usage_in_bytes") - sum(root "/memory" $2 "/memory.stat", " total_active_file total_inactive_file ")
    limit = first(root "/memory" $2 "/memory.limit_in_bytes")
    cpu = first(root "/cpuacct" $2 "/cpuacct.usage") / 1e9
    throttled = sum(root "/cpu" $2 "/cpu.stat", " throttled_time ") / 1e9
    cores[1] = first(root "/cpu" $2 "/cpu.cfs_quota_us"); cores[2] = first(root "/cpu" $2 "/cpu.cfs_period_us")
  }
  # What the kernel cannot drop: without the cache of files.
  sample("container_memory_used_bytes", "gauge", used)
  if (limit + 0 > 0 && limit + 0 < 1e15) sample("container_memory_limit_bytes", "gauge", limit)
  sample("container_cpu_seconds_total", "counter", cpu)
  sample("container_cpu_throttled_seconds_total", "counter", throttled)
  if (cores[1] + 0 > 0) sample("container_cpu_limit_cores", "gauge", cores[1] / cores[2])
  sample("container_restarts_total", "counter", restarts[id] + 0)
}
END {
  for (name in text) printf "%s", text[name]
  # Those that are not there just now are remembered: between two starts a container may be away for a minute. Not for ever: a
  # machine may start thousands a day.
  for (id in inode) if (away[id] < 100) print id, inode[id], restarts[id] + 0, away[id] > after
}
