-- wrk script: POSTs BENCH_BODY, with BENCH_KEYS under an Idempotency-Key of its own each time; prints one line of JSON at the end.
local number, key = 0, nil
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("which", threads)
end

function init(_)
  wrk.method, wrk.body = "POST", os.getenv("BENCH_BODY")
  wrk.headers["Content-Type"] = "application/json"
  if os.getenv("BENCH_TOKEN") then wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN") end
  if os.getenv("BENCH_KEYS") then key = string.format("%s-%d-", os.getenv("BENCH_KEYS"), which) end
end

function request()
  number = number + 1
  if key then wrk.headers["Idempotency-Key"] = key .. number end
  return wrk.format()
end

function done(summary, latency, _)
  local wrong = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    wrong.status, wrong.connect + wrong.read + wrong.write + wrong.timeout))
end
