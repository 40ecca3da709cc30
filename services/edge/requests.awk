# Adds lines `route status seconds` to the metrics of before.
function add(metric, value) { values[metric] += value }
BEGIN { count = split("0.01 0.05 0.1 0.25 0.5 1 2.5 5 10 30 60", bounds, " ") }
/^#/ { next }
/^edge_/ { add($1, $2); next }
NF == 3 {
  add("edge_route_requests_total{route=\"" $1 "\",status=\"" $2 "\"}", 1)
  for (i = 1; i <= count; i++) add("edge_route_duration_seconds_bucket{route=\"" $1 "\",le=\"" bounds[i] "\"}", $3 + 0 <= bounds[i] + 0)
  add("edge_route_duration_seconds_bucket{route=\"" $1 "\",le=\"+Inf\"}", 1)
  add("edge_route_duration_seconds_sum{route=\"" $1 "\"}", $3)
  add("edge_route_duration_seconds_count{route=\"" $1 "\"}", 1)
}
END {
  for (metric in values) text[metric ~ /^edge_route_requests/] = text[metric ~ /^edge_route_requests/] sprintf("%s %.14g\n", metric, values[metric])
  if (1 in text) printf "# TYPE edge_route_requests_total counter\n%s# TYPE edge_route_duration_seconds histogram\n%s", text[1], text[0]
}
