-- For wrk: posts one body, again and again, and ends with its figures as one line of JSON.
-- wrk … -s service_load.lua URL -- BODY_FILE CONTENT_TYPE

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["Content-Type"] = arguments[2]
  file:close()
  busy, wrong = 0, 0
end

function response(status)
  if status == 503 then
    busy = busy + 1
  elseif status ~= 200 then
    wrong = wrong + 1
  end
end

function done(summary, latency, requests)
  local refused, failed = 0, 0
  for _, thread in ipairs(threads) do
    refused = refused + thread:get("busy")
    failed = failed + thread:get("wrong")
  end
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "busy": %d, "wrong": %d, "broken": %d, "p50_ms": %.3f, "p95_ms": %.3f, "p99_ms": %.3f}',
    summary.requests, summary.duration / 1e6, refused, failed,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000))
end
