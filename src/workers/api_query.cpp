#include "workers/api_query.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <variant>

#include "core/http/compression.hpp"
#include "core/http/errors.hpp"
#include "core/http/etag.hpp"
#include "core/http/router.hpp"
#include "core/rest/exchange.hpp"
#include "core/rest/media_type.hpp"
#include "core/rest/openapi.hpp"
#include "pg/shaped_statement.hpp"
#include "pg/spi.hpp"
#include "workers/csv_stream.hpp"
#include "workers/http_settings.hpp"
#include "workers/request_role.hpp"
#include "workers/schema_cache.hpp"
#include "workers/transaction.hpp"
#include "workers/unchanged.hpp"

namespace analytics::workers {
namespace {

constexpr std::size_t kCompressFrom = 1024;  // bytes

rest::ExchangeSettings exchange_settings() {
    const DialectSettings settings = dialect_settings();
    return {settings.schemas, settings.max_rows, settings.aggregates, settings.tx_override, settings.plan};
}

// Names without a schema are those of the schema asked for, then public's.
std::string search_path_of(const rest::Prepared& prepared) {
    rest::SqlText path;
    path.name(prepared.schema) << ", public";
    return path.text();
}

// As the requester.
void apply(const rest::Prepared& prepared) {
    for (const auto& [name, value] : prepared.settings) {
        set_local(name.c_str(), value);
    }
    limit_time(http_statement_timeout());
    if (prepared.read_only) {
        set_local("transaction_read_only", "on");
    }
}

std::vector<std::string> texts_of(const pg::Row& row, int column) {
    std::vector<std::string> texts;
    const auto array = row.datum(column);
    if (!array) {
        return texts;
    }
    Datum* elements = nullptr;
    int count = 0;
    pg::protect([&] {
        deconstruct_array(DatumGetArrayTypeP(*array), TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
    });
    for (int i = 0; i < count; ++i) {
        texts.emplace_back(pg::protect([&] { return pg::text_view(elements[i]); }));
    }
    return texts;
}

// The rows that the planner expects: "Plan Rows" of the uppermost node.
std::uint64_t planned_rows(const rest::SqlText& explain) {
    const pg::Result plan = pg::run_shaped(explain.text(), explain.values());
    const std::string text(plan[0].text(1));
    constexpr std::string_view label = "\"Plan Rows\": ";
    const auto place = text.find(label);
    return place == std::string::npos ? 0 : std::strtoull(text.c_str() + place + label.size(), nullptr, 10);
}

// EXPLAIN's lines; JSON is one.
rest::Outcome run_explained(const rest::Prepared& prepared) {
    const pg::Connection connection;
    const pg::Result lines = pg::run_shaped(prepared.explained + prepared.sql.text(), prepared.sql.values());
    rest::Outcome outcome;
    for (std::uint64_t i = 0; i < lines.size(); ++i) {
        outcome.body += i > 0 ? "\n" : "";
        outcome.body += lines[i].text(1);
    }
    return outcome;
}

rest::Outcome run(const rest::Prepared& prepared) {
    if (!prepared.explained.empty()) {
        return run_explained(prepared);
    }
    const pg::Connection connection;
    rest::Outcome outcome;
    {
        const pg::Result rows = pg::run_shaped(prepared.sql.text(), prepared.sql.values());
        if (rows.size() == 0) {  // of one value's function, without a body to gather, limit=0 leaves nothing
            outcome.total = 0;
            return outcome;
        }
        const pg::Row row = rows[0];
        if (!row.is_null(1)) {
            outcome.total = static_cast<std::uint64_t>(row.int8(1));
        }
        outcome.rows = static_cast<std::uint64_t>(row.int8(2));
        outcome.body = row.optional_text(3).value_or("");
        const auto copy = [](std::optional<std::string_view> text) {
            return text ? std::optional<std::string>(*text) : std::nullopt;
        };
        outcome.headers = copy(row.optional_text(4));
        outcome.status = copy(row.optional_text(5));
        if (!row.is_null(6)) {
            outcome.inserted = row.int4(6);
        }
        outcome.location = texts_of(row, 7);
    }
    if (prepared.explain && (prepared.explain_above == 0 || outcome.total.value_or(0) > prepared.explain_above)) {
        const std::uint64_t planned = planned_rows(*prepared.explain);
        outcome.total = prepared.explain_above == 0 ? planned : std::max(planned, *outcome.total);
    }
    return outcome;
}

// Who runs as the anonymous role, with a token or without, may be told to log in.
http::Response refusal(const SqlError& error, const http::Query& query) {
    return rest::sql_error_response(error.sqlstate, error.message, error.detail, error.hint,
                                    query.role == http_anon_role());
}

void compress(const http::Request& request, http::Response& response) {
    response.fields.add("Vary", rest::kVary);
    if (response.body.size() >= kCompressFrom && http::accepts_gzip(request.fields)) {
        response.body = http::gzip(response.body);
        response.fields.add("Content-Encoding", "gzip");
    }
}

void compare(const http::Request& request, http::Response& response) {
    if (response.status != 200 || request.method != "GET") {  // of HEAD there is no body that could be compared
        return;
    }
    const std::string tag = http::etag_of(response.body);
    response.fields.set("ETag", tag);
    if (http::none_match_names(request.fields, tag)) {
        response.status = 304;
        response.body.clear();
    }
}

// What the requester may use, in the schema described.
constexpr std::array<Oid, 1> kSchema = {TEXTOID};
pg::Statement permitted(
    "SELECT 'relation', c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
    "c.relnamespace"
    " WHERE n.nspname = $1 AND c.relkind IN ('r', 'v', 'm', 'f', 'p')"
    "   AND (pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')"
    "     OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE'))"
    " UNION ALL"
    " SELECT 'function', p.proname::text FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = "
    "p.pronamespace"
    " WHERE n.nspname = $1 AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')"
    " UNION ALL"
    " SELECT 'version', x.extversion FROM pg_catalog.pg_extension x WHERE x.extname = 'analytics'",
    kSchema);

rest::OpenApiAbout describe(const http::Request& request, const std::string& schema) {
    rest::OpenApiAbout about;
    about.schema = schema;
    about.host = request.fields.find("Host").value_or("");
    about.base_path = "/api";
    about.title = "analytics";
    about.description = "E-commerce analytics inside PostgreSQL";
    const pg::Connection connection;
    const Datum name = pg::protect([&] { return pg::text_datum(schema); });
    const pg::Result rows = permitted.execute({name}, pg::Access::read_only);
    for (std::uint64_t i = 0; i < rows.size(); ++i) {
        const std::string_view kind = rows[i].text(1);
        const std::string what(rows[i].text(2));
        if (kind == "relation") {
            about.relations.insert({schema, what});
        } else if (kind == "function") {
            about.functions.insert({schema, what});
        } else {
            about.version = what;
        }
    }
    return about;
}

}  // namespace

http::Response serve_manual(const http::Query& query) {
    const rest::ExchangeSettings settings = exchange_settings();
    auto schema = rest::choose_schema(query.request, settings.schemas);
    if (const auto* const failure = std::get_if<rest::Failure>(&schema)) {
        return rest::failure_response(*failure);
    }
    if (query.request.method == "OPTIONS") {
        http::Response allowed;
        allowed.fields.add("Allow", "OPTIONS,GET,HEAD");
        return allowed;
    }
    const auto accepted = rest::read_accept(query.request.fields.find("Accept"));
    using Kind = rest::MediaType::Kind;
    if (std::none_of(accepted.begin(), accepted.end(), [](const rest::MediaType& type) {
            return type.kind == Kind::openapi || type.kind == Kind::json || type.kind == Kind::any;
        })) {
        return rest::failure_response(rest::unacceptable(accepted));
    }
    http::Response response;
    response.fields.add("Content-Type", "application/openapi+json; charset=utf-8");
    const auto& chosen = std::get<rest::ChosenSchema>(schema);
    if (chosen.negotiated) {
        response.fields.add("Content-Profile", chosen.name);
    }
    const auto error = run_transaction({"GET /api/", http_statement_timeout()}, [&] {
        const rest::Schema& known = current_schema(settings.schemas, true);
        Disguise requester = Disguise::requester(query);
        limit_time(http_statement_timeout());
        requester.run_pre_request();
        response.body = rest::openapi(known, describe(query.request, chosen.name));
        requester.take_off();
    });
    clean_session();
    if (error) {
        response = refusal(*error, query);
    }
    compare(query.request, response);
    compress(query.request, response);
    return response;
}

http::Response serve_api(const http::Query& query, AnswerPieces& pieces) {
    const rest::Target target{static_cast<http::Route>(query.route) == http::Route::function, query.name};
    const rest::ExchangeSettings settings = exchange_settings();
    const std::string activity = query.request.method + ' ' + http::as_utf8(query.request.path);
    std::optional<http::Response> response;
    std::optional<std::string> snapshot;  // of an answer to be remembered
    int isolation = XACT_READ_COMMITTED;
    bool again = false;  // at another level, which only the role's and the function's settings told
    const auto work_on_it = [&] {
        again = false;
        response = unchanged_answer(query);
        if (response) {
            return;
        }
        const rest::Schema& schema = current_schema(settings.schemas);
        auto prepared = rest::prepare(query.request, target, schema, settings);
        if (auto* const answer = std::get_if<http::Response>(&prepared)) {
            response = std::move(*answer);
            return;
        }
        const auto& work = std::get<rest::Prepared>(prepared);
        if (depends_on_data_alone(query, work, target)) {
            snapshot = present_snapshot();
        }
        Disguise requester = Disguise::requester(query, search_path_of(work));
        apply(work);
        if (const int wanted = wanted_isolation(); wanted != isolation) {
            isolation = wanted;
            again = true;
            throw RollBack();
        }
        requester.run_pre_request();
        rest::Finished finished = work.by_lines ? run_by_lines(work, pieces) : rest::finish(work, run(work));
        response = std::move(finished.response);
        if (work.roll_back && !finished.refused) {
            Disguise::fire_deferred();  // the answer is that of a commit
        }
        if (finished.refused || work.roll_back) {
            throw RollBack();
        }
        requester.take_off();
    };
    std::optional<SqlError> error;
    do {
        error = run_transaction({activity.c_str(), http_statement_timeout(), isolation}, work_on_it);
    } while (again && !error);
    clean_session();
    if (error) {
        response = refusal(*error, query);
    } else {
        pieces.complete();
    }
    if (!pieces.begun()) {
        compare(query.request, *response);
        if (snapshot) {
            remember_answer(query, std::move(*snapshot), *response);
        }
        compress(query.request, *response);
    }
    return std::move(*response);
}

}  // namespace analytics::workers
