-- Sends the lines of a file as bodies, one after the other, and prints what happened as one line of JSON.
local requests, place = {}, 0

function init(args)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    for line in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format(nil, nil, nil, line)
    end
end

function request()
    place = place % #requests + 1
    return requests[place]
end

function done(summary, latency, _)
    local e = summary.errors
    io.write(string.format(
        'RESULT {"requests":%d,"microseconds":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,' ..
        '"status":%d,"mean":%.1f,"p50":%d,"p90":%d,"p99":%d,"max":%d}\n',
        summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.timeout, e.status,
        latency.mean, latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max))
end
