-- Length of each queue, 0 for an empty one: an empty list is no key at all, which the exporter's own look-up reports as an error.
local answer = {}
for queue in string.gmatch("@{queues}", "%S+") do
  answer[#answer + 1] = queue
  answer[#answer + 1] = tostring(redis.call("llen", queue))
end
return answer
