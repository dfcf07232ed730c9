#include "workers/executor_queries.hpp"

#include <array>
#include <string>

#include "core/http/compression.hpp"
#include "core/http/errors.hpp"
#include "core/http/etag.hpp"
#include "core/http/router.hpp"
#include "pg/spi.hpp"
#include "workers/api_query.hpp"
#include "workers/http_settings.hpp"
#include "workers/report_query.hpp"
#include "workers/request_role.hpp"
#include "workers/settings.hpp"
#include "workers/transaction.hpp"
#include "workers/unchanged.hpp"

namespace analytics::workers {
namespace {

// Nobody's lock holds an executor, but for that of a report.
constexpr const char* kHealthLockTimeout = "1s";
constexpr const char* kWatchLockTimeout = "50ms";  // the next look is a second later
constexpr std::size_t kCompressFrom = 1024;        // bytes

// As in PostgREST: who runs as the anonymous role, with a token or without, may be told to log in.
bool is_anonymous(const http::Query& query) { return query.role == http_anon_role(); }

http::Response of_error(const SqlError& error, bool anonymous) {
    http::Response response = http::error_response(http::status_of(error.sqlstate, anonymous, error.message),
                                                   error.sqlstate, error.message, error.detail, error.hint);
    if (response.status == 503) {
        response.fields.add("Retry-After", "1");
    }
    if (response.status == 401) {
        response.fields.add("WWW-Authenticate", "Bearer");
    }
    return response;
}

// A JSON answer that is compared, and compressed where that pays.
http::Response of_json(const http::Request& request, std::string body, std::string_view compared) {
    http::Response response;
    response.fields.add("Content-Type", "application/json; charset=utf-8");
    response.fields.add("Cache-Control", "no-cache");
    response.fields.add("Vary", "Accept-Encoding, Authorization");
    const std::string tag = http::etag_of(compared);
    response.fields.add("ETag", tag);
    if (http::none_match_names(request.fields, tag)) {
        response.status = 304;
        return response;
    }
    response.body = std::move(body);
    if (response.body.size() >= kCompressFrom && http::accepts_gzip(request.fields)) {
        response.body = http::gzip(response.body);
        response.fields.add("Content-Encoding", "gzip");
    }
    return response;
}

// The report without its time: it is another one only if a figure is.
std::string without_time(const std::string& report) {
    constexpr std::string_view name = "\"as_of\": \"";  // in a text the quotes would be escaped
    const auto begin = report.find(name);
    const auto end = begin == std::string::npos ? begin : report.find('"', begin + name.size());
    return end == std::string::npos ? report : report.substr(0, begin) + report.substr(end);
}

// What SQL's hints cannot know: how arguments are written in an address.
void explain_report(SqlError& error) {
    if (error.hint.empty() && (error.sqlstate.starts_with("22007") || error.sqlstate.starts_with("22008"))) {
        error.hint = "from and to are times such as 2026-03-01 or 2026-03-01T12:00.";
    } else if (error.hint.empty() && error.sqlstate == "22P02") {
        error.hint = "limit is a number.";
    } else if (error.message == "invalid filter") {
        error.hint +=
            " The other parameters are metric, grain, by, from, to, compare, limit, store, currency and basis.";
    }
}

http::Response serve_report(const http::Query& query) {
    const auto arguments = read_report_query(query.request.query);
    if (!arguments) {
        return http::error_response(400, "bad_query", "the query string is not well-formed", {},
                                    "Encode names and values as in a form: %25 for a percent sign.");
    }
    std::string report;
    std::string snapshot;
    std::optional<http::Response> unchanged;
    auto error = run_transaction({"GET /api/visualize", http_statement_timeout()}, [&] {
        unchanged = unchanged_answer(query);
        if (unchanged) {
            return;
        }
        snapshot = present_snapshot();
        Disguise requester = Disguise::requester(query);
        limit_time(http_statement_timeout());
        requester.run_pre_request();
        report = run_report(*arguments);
        requester.take_off();
    });
    clean_session();
    if (error) {
        explain_report(*error);
        return of_error(*error, is_anonymous(query));
    }
    if (unchanged) {
        return std::move(*unchanged);
    }
    http::Response response = of_json(query.request, report, without_time(report));
    if (report_depends_on_data_alone(query, *arguments)) {
        remember_answer(query, std::move(snapshot), response);
    }
    return response;
}

pg::Statement allowed(
    "SELECT pg_catalog.has_table_privilege('analytics.event', 'SELECT'), a.stores IS NULL, s.store"
    " FROM (SELECT analytics.allowed_stores()) a(stores) LEFT JOIN LATERAL pg_catalog.unnest(a.stores) s(store) ON "
    "true");

// Which stores a listener may see: parts are "all", or "some" and their names.
http::Answer serve_listener(const http::Query& query) {
    http::Answer answer;
    bool readable = false;
    const auto error = run_transaction({"GET /api/live", http_statement_timeout()}, [&] {
        Disguise requester = Disguise::requester(query);
        limit_time(http_statement_timeout());
        requester.run_pre_request();
        {
            const pg::Connection connection;
            const pg::Result rows = allowed.execute({}, pg::Access::read_only);
            readable = rows[0].boolean(1);
            answer.parts.emplace_back(rows[0].boolean(2) ? "all" : "some");
            for (std::uint64_t i = 0; i < rows.size(); ++i) {
                if (const auto store = rows[i].optional_text(3)) {
                    answer.parts.emplace_back(*store);
                }
            }
        }
        requester.take_off();
    });
    clean_session();
    if (error) {
        answer.response = of_error(*error, is_anonymous(query));
    } else if (!readable) {
        answer.response = of_error({"42501", "permission denied for table event", "",
                                    "SELECT analytics.grant_access(role, 'reader') lets a role see events."},
                                   is_anonymous(query));
    }
    return answer;
}

// A function of the extension may give one value or several columns: both become one JSON object.
pg::Statement health(
    "SELECT pg_catalog.to_jsonb(h)::text, pg_catalog.current_database()::text,"
    " (SELECT x.extversion FROM pg_catalog.pg_extension x WHERE x.extname = 'analytics'),"
    " EXISTS (SELECT FROM analytics.running_workers() w WHERE w.worker = 'refresh'),"
    " EXISTS (SELECT FROM analytics.running_workers() w WHERE w.worker = 'nightly')"
    " FROM analytics.http_health() h");

// Parts: what http_health() says, the database, the version, and whether the refresh worker and the nightly one run.
http::Answer serve_health() {
    http::Answer answer;
    const auto error = run_transaction({"GET /api/health", http_statement_timeout()}, [&] {
        Disguise owner = Disguise::owner();
        limit_lock_waits(kHealthLockTimeout);
        {
            const pg::Connection connection;
            const pg::Result rows = health.execute({}, pg::Access::read_only);
            answer.parts = {std::string(rows[0].text(1)), std::string(rows[0].text(2)), std::string(rows[0].text(3)),
                            rows[0].boolean(4) ? "running" : "missing",
                            rows[0].boolean(5) ? "running"
                            : models_at()      ? "waiting"
                                               : "off"};
        }
        owner.take_off();
    });
    if (error) {
        answer.response = of_error(*error, false);
    }
    return answer;
}

constexpr std::array<Oid, 1> kSnapshot = {TEXTOID};
pg::Statement look(
    "SELECT l.snapshot::text, pg_catalog.to_char(l.as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),"
    " l.events::text, l.counts::text, s.stale"
    " FROM (SELECT $1 IS NOT NULL AND analytics.http_live_is_stale($1)) s(stale)"
    " CROSS JOIN LATERAL analytics.http_live(CASE WHEN NOT s.stale THEN $1::pg_snapshot END) l",
    kSnapshot);

void look_since(const std::string& snapshot, std::vector<std::string>& parts) {
    pg::Parameter since;
    if (!snapshot.empty()) {
        since = pg::protect([&] { return pg::text_datum(snapshot); });
    }
    const pg::Result rows = look.execute({since}, pg::Access::read_only);
    for (int column = 1; column <= 4; ++column) {
        parts.emplace_back(rows[0].text(column));
    }
    parts.emplace_back(rows[0].boolean(5) ? "reset" : "");
}

}  // namespace

http::Answer serve_query(const http::Query& query, AnswerPieces& pieces) {
    http::Answer answer;
    switch (static_cast<http::Route>(query.route)) {
        case http::Route::visualize:
            answer.response = serve_report(query);
            break;
        case http::Route::live:
            answer = serve_listener(query);
            break;
        case http::Route::health:
            answer = serve_health();
            break;
        case http::Route::openapi:
            answer.response = serve_manual(query);
            break;
        case http::Route::relation:
        case http::Route::function:
            answer.response = serve_api(query, pieces);
            answer.piece = pieces.completed() ? http::Piece::last : http::Piece::whole;
            break;
        default:
            answer.response = http::error_response(404, "no_route", "there is no such route");
    }
    answer.id = query.id;
    return answer;
}

http::Answer serve_watch(const http::Watch& watch) {
    http::Answer answer;
    answer.id = watch.id;
    const auto error = run_transaction({"GET /api/live", http_statement_timeout(), XACT_REPEATABLE_READ, true}, [&] {
        Disguise owner = Disguise::owner();
        limit_lock_waits(kWatchLockTimeout);
        {
            const pg::Connection connection;
            look_since(watch.since, answer.parts);
            for (const std::string& snapshot : watch.resumed) {
                look_since(snapshot, answer.parts);
            }
        }
        owner.take_off();
    });
    if (error) {
        answer.response = of_error(*error, false);
    }
    return answer;
}

}  // namespace analytics::workers
