// replay_rejected(ids, store): takes rejected events in once more, after their payload was mended or what they lacked
// has come.
//
// Rows are locked and taken in order of rejected_id, all as one batch: the index in the report is the row's place in
// it. What is accepted or a duplicate becomes 'replayed'; what is rejected again stays open and says the new reason.
// Each row is read as its own format for its own store, and is one event: an object.

#include "core/event.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "functions/ingest_arguments.hpp"
#include "functions/ingest_batch.hpp"
#include "functions/ingest_report.hpp"
#include "functions/ingest_store.hpp"
#include "pg/guard.hpp"
#include "pg/spi.hpp"

namespace analytics::ingest {
namespace {

constexpr std::array<Oid, 2> kOpenParameters = {INT8ARRAYOID, TEXTOID};

pg::Statement lock_open(
    "SELECT r.rejected_id, r.store_id, r.format, r.payload::text"
    "  FROM analytics.rejected_event r"
    " WHERE r.status = 'open' AND r.payload IS NOT NULL AND ($1 IS NULL OR r.rejected_id = ANY ($1))"
    "   AND ($2 IS NULL OR r.store_id = $2)"
    " ORDER BY r.rejected_id FOR UPDATE",
    kOpenParameters);

constexpr std::array<Oid, 4> kOutcomeParameters = {INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID};

// code null: taken
pg::Statement store_outcomes(
    "UPDATE analytics.rejected_event r"
    "   SET status = CASE WHEN w.code IS NULL THEN 'replayed' ELSE 'open' END, code = coalesce(w.code, r.code),"
    "       pointer = coalesce(w.pointer, r.pointer), message = coalesce(w.message, r.message)"
    "  FROM (SELECT unnest($1) AS rejected_id, unnest($2) AS code, unnest($3) AS pointer, unnest($4) AS message) w"
    " WHERE r.rejected_id = w.rejected_id",
    kOutcomeParameters, pg::Search::by_index);

// Parses the rows from `first` on that share store and format, as elements of one array. Returns the row behind them.
std::uint64_t parse_run(const pg::Result& rows, std::uint64_t first, Surroundings& surroundings, EventBatch& run) {
    const std::string store(rows[first].text(2));
    const std::string format(rows[first].text(3));
    std::string payload = "[";
    std::uint64_t end = first;
    for (; end < rows.size() && rows[end].text(2) == store && rows[end].text(3) == format; ++end) {
        payload.append(end == first ? "" : ",").append(rows[end].text(4));
    }
    payload.push_back(']');
    run = surroundings.read(payload, parse_format(format), store);
    return end;
}

// Moves the events and rejections of a run to the batch; their texts stay where they are.
void add_run(EventBatch& run, std::uint64_t first, EventBatch& batch) {
    for (Event& event : run.events) {
        event.index += first;
        batch.events.push_back(std::move(event));
    }
    for (Rejection& rejection : run.rejections) {
        rejection.index += first;
        batch.rejections.push_back(std::move(rejection));
    }
}

void close_rows(const pg::Result& rows, const EventBatch& batch) {
    std::vector<const Rejection*> reasons(rows.size(), nullptr);
    for (const Rejection& rejection : batch.rejections) {
        reasons[rejection.index] = &rejection;
    }
    using OptionalText = std::optional<std::string_view>;
    const auto text = [&](std::string Rejection::*part) {
        return pg::text_array(reasons.size(), [&](std::size_t i) {
            return reasons[i] == nullptr ? OptionalText() : OptionalText(reasons[i]->*part);
        });
    };
    std::array<Datum, 4> columns{};
    pg::protect([&] {
        columns = {pg::int8_array(reasons.size(), [&](std::size_t i) { return rows[i].int8(1); }),
                   text(&Rejection::code), text(&Rejection::pointer), text(&Rejection::message)};
    });
    store_outcomes.execute({columns[0], columns[1], columns[2], columns[3]});
}

Datum replay(FunctionCallInfo fcinfo) {
    require_utf8();
    const auto argument = [&](int number) {
        return PG_ARGISNULL(number) ? pg::Parameter() : pg::Parameter(PG_GETARG_DATUM(number));
    };
    Report report;
    std::deque<EventBatch> runs;  // hold the texts
    EventBatch batch;
    {
        const pg::Connection connection;
        const auto rows = lock_open.execute({argument(0), argument(1)});
        Surroundings surroundings;
        for (std::uint64_t first = 0; first < rows.size();) {
            EventBatch& run = runs.emplace_back();
            const std::uint64_t end = parse_run(rows, first, surroundings, run);
            add_run(run, first, batch);
            first = end;
            pg::check_for_interrupts();
        }
        if (rows.size() > 0) {
            const Plan plan = store_batch(batch, surroundings);
            close_rows(rows, batch);
            report = report_on(batch, plan);
        }
    }
    return report_row(fcinfo, report);
}

}  // namespace
}  // namespace analytics::ingest

ANALYTICS_FUNCTION(analytics_replay_rejected) { return analytics::ingest::replay(fcinfo); }
