-- window.lua over several servers: wrk's threads take the addresses of SPREAD_OVER (host:port,host:port) in turn.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "window.lua")

local place, hosts = 0, {}
for word in os.getenv("SPREAD_OVER"):gmatch("[^,]+") do hosts[#hosts + 1] = word end

function setup(thread)
    place = place % #hosts + 1
    local host, port = hosts[place]:match("^(.*):(%d+)$")
    thread.addr = wrk.lookup(host, port)[1]
end
