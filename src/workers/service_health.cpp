// GET /api/health and GET /metrics: what the gateway knows of itself, and what
// an executor told of the database.

#include <string>

#include "core/http/errors.hpp"
#include "core/http/metrics_text.hpp"
#include "core/json.hpp"
#include "workers/service.hpp"

namespace analytics::workers {
namespace {

void append_problem(std::string& problems, std::string_view text) {
    problems += problems.empty() ? "" : ",";
    http::append_json(problems, text);
}

// A member of http_health()'s object, as it stands there.
std::string member(const std::string& object, std::string_view name, std::string_view otherwise) {
    json::Document document;
    if (document.read(object.data(), object.data() + object.size()) && !document.flaw() &&
        document.root().type == json::Type::object) {
        for (const json::Node& node : json::Children(document.root())) {
            if (node.key == name && node.type != json::Type::null) {
                return std::string(node.raw);
            }
        }
    }
    return std::string(otherwise);
}

}  // namespace

std::string_view Service::state() const {
    if (pool_.running() == 0) {
        return pool_.failing() ? "degraded" : "starting";
    }
    return RecoveryInProgress() ? "standby" : pool_.running() < pool_.configured() ? "degraded" : "ok";
}

http::Response Service::health(const http::Answer* database) const {
    std::string status(state());
    http::Response response;
    response.fields.add("Content-Type", "application/json; charset=utf-8");
    response.fields.add("Cache-Control", "no-store");
    response.status = pool_.running() == 0 || draining_ ? 503 : 200;
    if (settings_.anon_role.empty()) {
        response.body = "{\"status\":\"" + status + "\"}";
        return response;
    }
    std::string problems;
    if (pool_.short_of_slots()) {
        append_problem(problems,
                       "no background worker slot is free for all "
                       "executors: raise max_worker_processes");
    } else if (pool_.failing()) {
        append_problem(problems, "no executor runs: the server's log says why");
    }
    std::string about =
        "null,\"version\":null,\"as_of\":null,\"lag_seconds\":"
        "null,\"pending_rows\":null";
    std::string refresh = "null";
    std::string nightly = "null";
    if (database != nullptr && database->response.status == 200 && database->parts.size() == 5) {
        const std::string& told = database->parts[0];
        about.clear();
        http::append_json(about, database->parts[1]);
        about += ",\"version\":";
        http::append_json(about, database->parts[2]);
        for (const std::string_view name : {"as_of", "lag_seconds", "pending_rows"}) {
            about += ",\"" + std::string(name) + "\":" + member(told, name, "null");
        }
        const std::string their = member(told, "problems", "[]");
        if (their.size() > 2 && their.front() == '[') {
            problems += (problems.empty() ? "" : ",") + their.substr(1, their.size() - 2);
        }
        refresh = "\"" + database->parts[3] + "\"";
        nightly = "\"" + database->parts[4] + "\"";
        if (database->parts[3] == "missing" && !RecoveryInProgress()) {
            append_problem(problems, "no refresh worker runs: figures are right, but slower");
        }
    } else if (database != nullptr) {
        response.status = 503;
        append_problem(problems, "the database does not answer as it should");
    }
    if (status == "ok" && !problems.empty()) {
        status = "degraded";
    }
    response.body = "{\"status\":\"" + status + "\",\"database\":" + about +
                    ",\"executors\":{\"configured\":" + std::to_string(pool_.configured()) +
                    ",\"running\":" + std::to_string(pool_.running()) + ",\"busy\":" + std::to_string(pool_.busy()) +
                    "},\"workers\":{\"refresh\":" + refresh + ",\"nightly\":" + nightly + "},\"problems\":[" +
                    problems + "]}";
    return response;
}

http::Response Service::metrics() const {
    http::MetricsText text;
    text.metric("analytics_http_requests_total", "counter", "Requests answered, by route and status.");
    for (const auto& [key, count] : counters_.requests) {
        text.sample({{"route", key.first}, {"status", std::to_string(key.second)}}, static_cast<double>(count));
    }
    text.metric("analytics_http_seconds_total", "counter", "Time from a request's last byte to its answer, by route.");
    for (const auto& [route, seconds] : counters_.seconds) {
        text.sample({{"route", route}}, seconds);
    }
    const auto single = [&](std::string_view name, std::string_view type, std::string_view help, double value) {
        text.metric(name, type, help);
        text.sample({}, value);
    };
    single("analytics_http_connections", "gauge", "Connections that are open.",
           static_cast<double>(server_.connections()));
    single("analytics_http_connections_total", "counter", "Connections that were accepted.",
           static_cast<double>(server_.accepted()));
    single("analytics_http_body_bytes", "gauge", "Bytes of requests held in memory.",
           static_cast<double>(server_.held_bytes()));
    single("analytics_http_listeners", "gauge", "Listeners of /api/live.", static_cast<double>(listeners_.size()));
    single("analytics_http_queued", "gauge", "Requests that wait for an executor.",
           static_cast<double>(queries_.size() + ingests_.size()));
    single("analytics_http_cancelled_total", "counter", "Requests whose client left before the answer.",
           static_cast<double>(counters_.cancelled));
    single("analytics_ingest_events_total", "counter", "Events that arrived over HTTP.",
           static_cast<double>(counters_.events));
    single("analytics_ingest_groups_total", "counter", "Groups of ingests given to executors.",
           static_cast<double>(counters_.groups));
    single("analytics_ingest_grouped_total", "counter", "Ingests in those groups.",
           static_cast<double>(counters_.grouped));
    single("analytics_executors_configured", "gauge", "Executors that there are to be.",
           static_cast<double>(pool_.configured()));
    single("analytics_executors_running", "gauge", "Executors that run.", static_cast<double>(pool_.running()));
    single("analytics_executors_busy", "gauge", "Executors that serve a request.", static_cast<double>(pool_.busy()));
    single("analytics_executors_lost_total", "counter", "Executors that ended while they served a request.",
           static_cast<double>(counters_.executors_lost));
    http::Response response;
    response.fields.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    response.body = text.text();
    return response;
}

}  // namespace analytics::workers
