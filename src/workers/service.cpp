#include "workers/service.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <variant>

#include "core/http/compression.hpp"
#include "core/http/errors.hpp"
#include "core/http/etag.hpp"
#include "core/http/ingest_form.hpp"
#include "core/rest/exchange.hpp"
#include "pg/errors.hpp"
#include "workers/http_files.hpp"
#include "workers/identity.hpp"

namespace analytics::workers {
namespace {

constexpr std::size_t kGroupMembers = 64;
constexpr std::size_t kGroupBytes = 4 * 1024 * 1024;
constexpr net::Time kListenPause = 5 * net::kSecond;
constexpr net::Time kDrain = 3 * net::kSecond;
constexpr net::Time kDrainCancelled = 1 * net::kSecond;
constexpr net::Time kOverdue = 5 * net::kSecond;  // after the timeout that should have ended it
constexpr net::Time kLockPause = net::kSecond / 10;
constexpr int kMostTries = 3;  // of ingests whose executor was lost

std::string_view name_of(http::Route route) {
    switch (route) {
        case http::Route::page:
            return "page";
        case http::Route::asset:
            return "asset";
        case http::Route::script:
            return "script";
        case http::Route::metrics:
            return "metrics";
        case http::Route::ingest:
            return "ingest";
        case http::Route::visualize:
            return "visualize";
        case http::Route::live:
            return "live";
        case http::Route::health:
            return "health";
        case http::Route::openapi:
        case http::Route::relation:
        case http::Route::function:
            return "api";
        case http::Route::none:
            break;
    }
    return "none";
}

// For pg_stat_activity: who asks where HTTP is served need not read the log.
void show_activity(const char* what, const char* place) {
    std::array<char, 128> text{};
    std::snprintf(text.data(), text.size(), "%s %s", what, place);
    pgstat_report_activity(STATE_RUNNING, text.data());
}

// PostgREST's dialect.
bool in_dialect(http::Route route) {
    return route == http::Route::openapi || route == http::Route::relation || route == http::Route::function;
}

constexpr std::string_view kRoutes =
    "analytics: e-commerce analytics inside PostgreSQL\n\n"
    "POST /api/ingest      events in: one JSON object, an array, or one object a line; needs an ingest key\n"
    "GET  /api/visualize   the JSON of a chart: ?metric=&grain=&by=&from=&to=&compare=&limit=&store=&currency=\n"
    "GET  /api/live        what just happened, as server-sent events: ?store=&types=\n"
    "GET  /api/health      whether it serves\n"
    "GET  /api/            the manual of what follows, as an OpenAPI document\n"
    "     /api/NAME        views and tables of analytics.http_schemas in PostgREST's dialect\n"
    "     /api/rpc/NAME    their functions\n"
    "GET  /metrics         counters for Prometheus\n"
    "GET  /analytics.js    the tracker for a shop's pages\n";

// A page runs scripts of this server alone, talks to nobody else, and stands in no frame.
constexpr std::array kPageFields = {
    std::pair{std::string_view("Content-Security-Policy"),
              std::string_view("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                               "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                               "frame-ancestors 'none'")},
    std::pair{std::string_view("Referrer-Policy"), std::string_view("no-referrer")},
    std::pair{std::string_view("Cross-Origin-Opener-Policy"), std::string_view("same-origin")},
};

http::Response no_route() {
    return http::error_response(404, "no_route", "there is no such route", {}, "docs/http.md lists the routes.");
}

http::Response file(const ServedFile& served, const http::Request& request, std::string_view kept) {
    http::Response response;
    response.fields.add("Content-Type", std::string(served.type));
    response.fields.add("Cache-Control", std::string(kept));
    response.fields.add("ETag", std::string(served.tag));
    response.fields.add("Vary", "Accept-Encoding");
    if (http::none_match_names(request.fields, served.tag)) {
        response.status = 304;
    } else if (!served.packed.empty() && http::accepts_gzip(request.fields)) {
        response.fields.add("Content-Encoding", "gzip");
        response.body = served.packed;
    } else {
        response.body = served.plain;
    }
    return response;
}

// Of a browser, before it sends what a page of another origin asked for.
bool is_preflight(const http::Request& request) {
    return request.method == "OPTIONS" && request.fields.find("Origin") &&
           request.fields.find("Access-Control-Request-Method");
}

}  // namespace

Service::Service(Oid database, Oid role)
    : server_(*this),
      pool_(database, role,
            {[this](std::size_t executor, std::vector<http::Answer>&& answers) {
                 answered(executor, std::move(answers));
             },
             [this](std::size_t executor) { return has_room(executor); },
             [this](std::size_t executor) { give_up(executor); },
             [this](std::size_t executor, bool committed) { lost(executor, committed); }}) {}

void Service::configure(const HttpSettings& settings, Time now) {
    settings_ = settings;
    origins_ = http::Origins(settings.cors_origins);
    read_token_rules();
    net::Limits limits;
    limits.read.body = settings.max_body;
    limits.connections = settings.connections;
    limits.held_bytes = std::max(limits.held_bytes, 4 * settings.max_body);
    server_.set_limits(limits);
    pool_.resize(static_cast<std::size_t>(settings.executors));
    const std::string place = settings.address + " port " + std::to_string(settings.port);
    if (place != listening_on_ && !draining_) {
        listening_on_ = place;
        listen_failed_ = false;
        if (settings.port != 0) {
            listen(now);
        } else {  // off: the launcher is about to end this process
            server_.stop_listening();
        }
    }
}

// A secret that cannot be read opens nothing, nor does the one before it: it may have been replaced for a reason.
void Service::read_token_rules() {
    try {
        token_rules_ = token_rules(settings_);
    } catch (const analytics::Error& error) {
        HttpSettings without = settings_;
        without.jwt_secret.clear();
        token_rules_ = token_rules(without);
        const char* const message = error.what();
        const char* const detail = error.detail().c_str();
        const char* const hint = error.hint().c_str();
        pg::protect([&] {
            ereport(WARNING, (errmsg("requests with a token are refused: %s", message),
                              errdetail_internal("%s", detail), errhint("%s", hint)));
        });
    }
}

// An address that cannot be had is said once, and tried again.
void Service::listen(Time now) {
    listen_again_ = net::kNever;
    try {
        server_.listen(settings_.address, settings_.port);
        listen_failed_ = false;
        const char* const place = listening_on_.c_str();
        pg::protect([place] {
            ereport(LOG, (errmsg("HTTP is served on %s", place)));
            show_activity("serving HTTP on", place);
        });
    } catch (const analytics::Error& error) {
        server_.stop_listening();
        listen_again_ = now + kListenPause;
        if (!listen_failed_) {
            const char* const message = error.what();
            const char* const detail = error.detail().c_str();
            const char* const hint = error.hint().c_str();
            const char* const place = listening_on_.c_str();
            pg::protect([&] {
                ereport(WARNING, (errmsg("HTTP is not served: %s", message), errdetail_internal("%s", detail),
                                  errhint("%s It is tried again every 5 seconds.", hint)));
                show_activity("not serving HTTP: cannot listen on", place);
            });
        }
        listen_failed_ = true;
    }
}

void Service::work(Time now) {
    now_ = now;
    timespec clock{};
    clock_gettime(CLOCK_REALTIME, &clock);
    server_.set_unix_time(clock.tv_sec);
    if (listen_again_ <= now) {
        listen(now);
    }
    server_.poll(now);
    pool_.work(now);
    expire_queued();
    dispatch();
    ping_listeners();
}

net::Time Service::deadline() const {
    Time deadline = std::min({server_.deadline(), pool_.deadline(), listen_again_, live_deadline()});
    const Time timeout = settings_.statement_timeout_ms * 1000;
    if (!queries_.empty()) {
        deadline = std::min(deadline, queries_.front()->arrived + timeout);
    }
    for (const auto& pending : ingests_) {
        deadline = std::min(
            {deadline, pending->arrived + timeout, pending->not_before > now_ ? pending->not_before : net::kNever});
    }
    return draining_ ? std::min(deadline, now_ + net::kSecond / 10) : deadline;
}

// ---- requests ----

std::unique_ptr<Service::Pending> Service::make_pending(net::ConnectionId connection, http::Route route,
                                                        const http::Request& request) {
    auto pending = std::make_unique<Pending>();
    pending->id = ++last_id_;
    pending->connection = connection;
    pending->route = route;
    pending->arrived = now_;
    origins_.permit(request.fields, pending->cors);
    return pending;
}

void Service::answer(const Pending& pending, http::Response response) {
    count(pending, response.status);
    if (pending.begun) {  // too late to say it: the client sees that the end is missing
        server_.cut_stream(pending.connection);
        return;
    }
    for (const auto& [name, value] : pending.cors.all()) {
        response.fields.add(name, value);
    }
    server_.respond(pending.connection, response);
}

void Service::count(const Pending& pending, int status) {
    ++counters_.requests[{name_of(pending.route), status}];
    counters_.seconds[name_of(pending.route)] += static_cast<double>(now_ - pending.arrived) / 1e6;
}

void Service::answer_here(net::ConnectionId connection, http::Route route, const http::Request& request,
                          http::Response response) {
    answer(*make_pending(connection, route, request), std::move(response));
}

void Service::on_refused(int status) { ++counters_.requests[{"none", status}]; }

void Service::on_request(net::ConnectionId connection, http::Request&& request, bool loopback) {
    const http::Match match = http::match_route(request.path);
    const auto here = [&](http::Response response) {
        answer_here(connection, match.route, request, std::move(response));
    };
    if (is_preflight(request) || (request.method == "OPTIONS" && !in_dialect(match.route))) {
        auto pending = make_pending(connection, match.route, request);
        pending->cors = {};
        answer(*pending, origins_.preflight(request.fields, http::methods_of(match.route)));
    } else if (match.route == http::Route::none) {
        const bool below_api = request.path.starts_with("/api/");
        here(below_api ? rest::failure_response({404, "PGRST125", "Invalid path specified in request URL", {}, {}})
                       : no_route());
    } else if (!http::allows(match.route, request.method)) {
        auto response =
            match.route == http::Route::function
                ? rest::failure_response(
                      {405, "PGRST101", "Cannot use the " + request.method + " method on RPC", {}, {}})
            : in_dialect(match.route)
                ? rest::failure_response({405, "PGRST117", "Unsupported HTTP method: " + request.method, {}, {}})
                : http::error_response(405, "method", "the route does not take this method", request.method,
                                       "It takes " + std::string(http::methods_of(match.route)) + ".");
        response.fields.add("Allow", std::string(http::methods_of(match.route)));
        here(std::move(response));
    } else if (match.route == http::Route::page) {
        here(page(request));
    } else if (match.route == http::Route::asset) {
        here(settings_.dashboard ? asset(request) : no_route());
    } else if (match.route == http::Route::script) {
        here(file(kTrackerScript, request, "public, max-age=3600"));
    } else if (match.route == http::Route::metrics) {
        here(metrics());
    } else if (match.route == http::Route::ingest) {
        take_ingest(connection, std::move(request), loopback);
    } else {
        take_query(connection, match, std::move(request));
    }
}

void Service::take_ingest(net::ConnectionId connection, http::Request&& request, bool loopback) {
    auto pending = make_pending(connection, http::Route::ingest, request);
    auto form = http::read_ingest_form(std::move(request), settings_.open_ingest && loopback);
    if (auto* const refusal = std::get_if<http::Response>(&form)) {
        answer(*pending, std::move(*refusal));
        return;
    }
    pending->ingest = std::move(std::get<http::Ingest>(form));
    pending->ingest.id = pending->id;
    pending->bytes = pending->ingest.body.size();
    if (const std::int64_t wait = pending->ingest.open ? 0 : rates_.wait(pending->ingest.key_hash, now_); wait > 0) {
        auto response = http::error_response(429, "rate_limit", "the key sends more than its rate", {},
                                             "Wait as long as Retry-After says.");
        response.fields.add("Retry-After", std::to_string(wait));
        answer(*pending, std::move(response));
    } else if (pool_.failing()) {
        answer(*pending, busy("no executor runs"));
    } else {
        ingests_.push_back(std::move(pending));
    }
}

void Service::take_query(net::ConnectionId connection, const http::Match& match, http::Request&& request) {
    auto pending = make_pending(connection, match.route, request);
    if (match.route == http::Route::health) {
        if (settings_.anon_role.empty() || pool_.running() == 0) {
            answer(*pending, health(nullptr));
            return;
        }
    } else {
        auto identity = identify(request, token_rules_);
        if (auto* const refusal = std::get_if<http::Response>(&identity)) {
            answer(*pending, std::move(*refusal));
            return;
        }
        pending->query.role = std::move(std::get<auth::Identity>(identity).role);
        pending->query.claims = std::move(std::get<auth::Identity>(identity).claims);
        if (pool_.failing()) {
            answer(*pending, busy("no executor runs"));
            return;
        }
    }
    pending->query.id = pending->id;
    pending->query.route = static_cast<std::uint8_t>(match.route);
    pending->query.name = match.name;
    pending->query.request = std::move(request);
    if (!in_dialect(match.route)) {
        std::string().swap(pending->query.request.body);  // nobody looks at it
    }
    queries_.push_back(std::move(pending));
}

void Service::on_gone(net::ConnectionId connection) {
    if (listeners_.erase(connection) > 0) {
        return;
    }
    const auto is_it = [&](const std::unique_ptr<Pending>& pending) { return pending->connection == connection; };
    if (const auto query = std::find_if(queries_.begin(), queries_.end(), is_it); query != queries_.end()) {
        ++counters_.cancelled;
        // nobody reads it, but the connection waits for an answer before it ends
        answer(**query, busy("the client left"));
        queries_.erase(query);
        return;
    }
    for (auto& [executor, work] : work_) {
        if (!work.ingests && std::any_of(work.requests.begin(), work.requests.end(), is_it)) {
            work.requests.front()->gone = true;
            ++counters_.cancelled;
            pool_.cancel(executor);
            return;
        }
    }
    // an ingest is done all the same: the sender would have to send it again otherwise
}

// The dashboard, where it is part of the build and switched on; else what there is beside it. One document serves all
// its pages.
http::Response Service::page(const http::Request& request) const {
    if (settings_.dashboard && !kDashboardFiles.empty()) {
        auto response = file(kDashboardFiles.front(), request, "no-cache");
        for (const auto& [name, value] : kPageFields) {
            response.fields.add(std::string(name), std::string(value));
        }
        return response;
    }
    if (request.path != "/") {
        return no_route();
    }
    http::Response response;
    response.fields.add("Content-Type", "text/plain; charset=utf-8");
    response.body = kRoutes;
    response.body += settings_.dashboard ? "\nThis server was built without the dashboard.\n"
                                         : "\nThe dashboard is switched off (analytics.http_dashboard).\n";
    return response;
}

// What pages load: named by its contents, so that it is kept for good.
http::Response Service::asset(const http::Request& request) {
    const auto found = std::find_if(kDashboardFiles.begin(), kDashboardFiles.end(),
                                    [&](const ServedFile& served) { return served.path == request.path; });
    if (found == kDashboardFiles.end()) {
        return no_route();
    }
    return file(*found, request,
                request.path.starts_with("/assets/") ? "public, max-age=31536000, immutable" : "public, max-age=3600");
}

http::Response Service::busy(const std::string& message) const {
    auto response = http::error_response(503, "unavailable", message, {}, "Try again in a moment.");
    response.fields.add("Retry-After", "1");
    return response;
}

// ---- executors ----

void Service::expire_queued() {
    const Time timeout = settings_.statement_timeout_ms * 1000;
    while (!queries_.empty() && queries_.front()->arrived + timeout <= now_) {
        answer(*queries_.front(), busy("all executors are busy"));
        queries_.pop_front();
    }
    for (auto pending = ingests_.begin(); pending != ingests_.end();) {
        if ((*pending)->arrived + timeout <= now_) {
            answer(**pending, busy((*pending)->tries > 0 ? "an event is locked by another transaction"
                                                         : "all executors are busy"));
            pending = ingests_.erase(pending);
        } else {
            ++pending;
        }
    }
}

std::size_t Service::ingesting() const {
    return static_cast<std::size_t>(
        std::count_if(work_.begin(), work_.end(), [](const auto& entry) { return entry.second.ingests; }));
}

std::size_t Service::reporting() const {
    return static_cast<std::size_t>(std::count_if(work_.begin(), work_.end(), [](const auto& entry) {
        const Work& work = entry.second;
        return !work.ingests && !work.watch && work.requests.front()->route != http::Route::health;
    }));
}

// The query whose turn it is. Reports leave one executor free, however long they take; health needs no more than that.
Service::Queue::iterator Service::next_query() {
    if (reporting() + 1 < std::max<std::size_t>(2, pool_.running())) {
        return queries_.begin();
    }
    return std::find_if(queries_.begin(), queries_.end(),
                        [](const auto& pending) { return pending->route == http::Route::health; });
}

void Service::dispatch() {
    const std::size_t most = std::max<std::size_t>(1, static_cast<std::size_t>(settings_.executors) / 2);
    while (const auto executor = pool_.find_idle()) {
        const auto query = next_query();
        const bool may_ingest = ingesting() < most && !ingests_.empty();
        const bool ingest_first =
            may_ingest && (query == queries_.end() || ingests_.front()->arrived < (*query)->arrived);
        if (!dispatch_watch(*executor) && !(ingest_first && dispatch_ingests(*executor)) &&
            !dispatch_query(*executor, query) && !(may_ingest && dispatch_ingests(*executor))) {
            break;
        }
    }
}

bool Service::dispatch_query(std::size_t executor, Queue::iterator query) {
    if (query == queries_.end()) {
        return false;
    }
    auto pending = std::move(*query);
    queries_.erase(query);
    http::Task task;
    task.query = std::move(pending->query);
    std::string message = http::write_task(task);
    pending->query = std::move(*task.query);
    const std::uint64_t id = pending->id;
    Work& work = work_[executor];
    work = {};
    work.requests.push_back(std::move(pending));
    pool_.give(executor, id, std::move(message), settings_.statement_timeout_ms * 1000 + kOverdue);
    return true;
}

bool Service::dispatch_ingests(std::size_t executor) {
    Work work;
    work.ingests = true;
    http::Task task;
    std::size_t bytes = 0;
    for (auto pending = ingests_.begin(); pending != ingests_.end() && task.ingests.size() < kGroupMembers;) {
        if ((*pending)->not_before > now_) {
            ++pending;
            continue;
        }
        if (!task.ingests.empty() && bytes + (*pending)->bytes > kGroupBytes) {
            break;
        }
        bytes += (*pending)->bytes;
        task.ingests.push_back(std::move((*pending)->ingest));
        work.requests.push_back(std::move(*pending));
        pending = ingests_.erase(pending);
    }
    if (task.ingests.empty()) {
        return false;
    }
    std::string message = http::write_task(task);
    for (std::size_t i = 0; i < task.ingests.size(); ++i) {  // kept, in case the executor is lost
        work.requests[i]->ingest = std::move(task.ingests[i]);
    }
    ++counters_.groups;
    counters_.grouped += work.requests.size();
    const std::uint64_t id = work.requests.front()->id;
    work_[executor] = std::move(work);
    pool_.give(executor, id, std::move(message));
    return true;
}

void Service::answered(std::size_t executor, std::vector<http::Answer>&& answers) {
    if (!answers.empty() && answers.front().piece != http::Piece::whole) {
        answer_piece(executor, std::move(answers.front()));
        return;
    }
    Work work = std::move(work_[executor]);
    work_.erase(executor);
    if (work.watch) {
        if (!answers.empty()) {
            answer_watch(answers.front());
        }
        return;
    }
    for (auto& pending : work.requests) {
        const auto found = std::find_if(answers.begin(), answers.end(),
                                        [&](const http::Answer& answer) { return answer.id == pending->id; });
        if (found == answers.end()) {
            answer(*pending, http::error_response(500, "XX000", "the executor gave no answer"));
        } else if (work.ingests) {
            answer_ingest(std::move(pending), std::move(*found));
        } else {
            answer_query(*pending, std::move(*found));
        }
    }
}

void Service::answer_query(Pending& pending, http::Answer&& result) {
    if (pending.route == http::Route::health) {
        answer(pending, health(&result));
    } else if (pending.refused) {
        answer(pending, too_many_streams());
    } else if (pending.route == http::Route::live && result.response.status == 200) {
        if (pending.gone) {  // the cancel came too late: nobody would end the stream
            answer(pending, busy("the client left"));
        } else {
            start_listener(pending, result);
        }
    } else {
        answer(pending, std::move(result.response));
    }
}

void Service::answer_ingest(std::unique_ptr<Pending> pending, http::Answer&& result) {
    if (result.rate >= 0) {
        rates_.charge(pending->ingest.key_hash, result.rate, result.events, now_);
    }
    counters_.events += static_cast<std::uint64_t>(result.events);
    const Time until = pending->arrived + settings_.statement_timeout_ms * 1000;
    if (result.again && !draining_ && now_ < until) {
        ++pending->tries;
        pending->not_before = std::min(until, now_ + kLockPause * std::min(pending->tries, 10));
        ingests_.push_back(std::move(pending));
        return;
    }
    answer(*pending, std::move(result.response));
}

void Service::lost(std::size_t executor, bool may_have_committed) {
    ++counters_.executors_lost;
    Work work = std::move(work_[executor]);
    work_.erase(executor);
    watching_ = watching_ && !work.watch;
    for (auto& pending : work.requests) {
        if (work.ingests && !may_have_committed && !draining_ && ++pending->tries < kMostTries) {
            ingests_.push_front(std::move(pending));
        } else {
            answer(*pending, busy("the process that served the request ended"));
        }
    }
}

// ---- the end ----

void Service::begin_draining(Time now) {
    now_ = now;
    draining_ = true;
    drain_until_ = now + kDrain + kDrainCancelled;
    listen_again_ = net::kNever;
    server_.stop_listening();
    for (const auto& [connection, listener] : listeners_) {
        server_.end_stream(connection);
    }
    listeners_.clear();
    server_.begin_draining();
}

bool Service::drained(Time now) {
    if (now > drain_until_ - kDrainCancelled) {
        for (auto* queue : {&queries_, &ingests_}) {
            for (auto& pending : *queue) {
                answer(*pending, busy("the server stops"));
            }
            queue->clear();
        }
        if (now >= cancel_again_) {
            cancel_again_ = now + net::kSecond / 2;
            pool_.cancel_all();
        }
    }
    return server_.connections() == 0 || now > drain_until_;
}

}  // namespace analytics::workers
