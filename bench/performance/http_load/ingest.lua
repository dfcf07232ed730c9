-- wrk's script: POST /api/ingest with one event each, no two alike. Arguments: a mark of this run, the ingest key.
local threads = 0
function setup(thread)
    thread:set("id", threads)
    threads = threads + 1
end

local sent = 0
function init(arguments)
    mark = arguments[1]
    headers = { ["Authorization"] = "Bearer " .. arguments[2], ["Content-Type"] = "application/json" }
end

function request()
    sent = sent + 1
    return wrk.format("POST", "/api/ingest", headers, string.format(
        '{"event":"view_item","event_id":"%s-%d-%d","timestamp":"%s","customer_id":"c%d","session_id":"s%d","product_id":"p%d",' ..
        '"quantity":1,"price":"12.50","currency":"EUR","channel":"web","country":"DE","device":"mobile"}',
        mark, id, sent, os.date("!%Y-%m-%dT%H:%M:%SZ"), sent % 5000, sent % 50000, sent % 2000))
end
