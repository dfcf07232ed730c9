// The SQL functions of ingestion: ingest, validate, stamp. (replay_rejected: ingest_replay.cpp.)

#include "core/event.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "functions/ingest_arguments.hpp"
#include "functions/ingest_batch.hpp"
#include "functions/ingest_report.hpp"
#include "functions/ingest_store.hpp"
#include "pg/guard.hpp"
#include "pg/spi.hpp"

namespace analytics::ingest {
namespace {

Datum ingest(FunctionCallInfo call, std::string_view payload) {
    const Arguments arguments = read_arguments(call);
    Report report;
    EventBatch batch;
    {
        const pg::Connection connection;
        Surroundings surroundings;
        batch = surroundings.read(payload, arguments.format, arguments.store);
        pg::check_for_interrupts();
        const Plan plan = store_batch(batch, surroundings);
        store_rejections(batch.rejections, arguments.store, arguments.format_name);
        report = report_on(batch, plan);
    }
    return report_row(call, report);
}

// One row of validate().
struct Preview {
    std::size_t index = 0;
    const Event* event = nullptr;  // or:
    const Rejection* rejection = nullptr;
    Outcome outcome = Outcome::rejected;
    std::int32_t lines = 0;
};

std::vector<Preview> previews_of(const EventBatch& batch, const Plan& plan) {
    std::vector<Preview> previews;
    previews.reserve(batch.events.size() + batch.rejections.size());
    for (std::size_t i = 0; i < batch.events.size(); ++i) {
        if (plan.outcomes[i] != Outcome::rejected) {
            previews.push_back({batch.events[i].index, &batch.events[i], nullptr, plan.outcomes[i], 0});
        }
    }
    for (const Claim& claim : plan.claims) {
        if (plan.writes(claim)) {
            const Event& event = batch.events[claim.latest];
            const auto preview =
                std::lower_bound(previews.begin(), previews.end(), event.index,
                                 [](const Preview& row, std::size_t index) { return row.index < index; });
            preview->lines = static_cast<std::int32_t>(event.lines.size());
        }
    }
    for (const Rejection& rejection : batch.rejections) {
        previews.push_back({rejection.index, nullptr, &rejection, Outcome::rejected, 0});
    }
    std::stable_sort(previews.begin(), previews.end(),
                     [](const Preview& a, const Preview& b) { return a.index < b.index; });
    return previews;
}

std::string_view word_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::duplicate:
            return "duplicate";
        case Outcome::accepted:
            return "accepted";
        case Outcome::supersedes:
            return "supersedes";
        case Outcome::rejected:
            break;
    }
    return "rejected";
}

// Runs inside protect().
void put_preview(ReturnSetInfo* result, const Preview& preview, bool has_made_id) {
    std::array<Datum, 8> values{};
    std::array<bool, 8> nulls{};
    const auto put = [&](std::size_t column, std::optional<std::string_view> text) {
        nulls[column] = !text.has_value();
        values[column] = text ? pg::text_datum(*text) : 0;
    };
    const auto event_id = preview.event != nullptr ? preview.event->event_id : preview.rejection->event_id;
    values[0] = Int32GetDatum(static_cast<std::int32_t>(preview.index));
    put(1, has_made_id ? std::nullopt : event_id);
    put(2, preview.event != nullptr ? std::optional(preview.event->event_type) : std::nullopt);
    put(3, word_of(preview.outcome));
    if (preview.rejection != nullptr) {
        put(4, std::string_view(preview.rejection->code));
        put(5, std::string_view(preview.rejection->pointer));
        put(6, std::string_view(preview.rejection->message));
    } else {
        nulls[4] = nulls[5] = nulls[6] = true;
    }
    values[7] = Int32GetDatum(preview.lines);
    tuplestore_putvalues(result->setResult, result->setDesc, values.data(), nulls.data());
}

Datum validate(FunctionCallInfo call, std::string_view payload) {
    const Arguments arguments = read_arguments(call);
    pg::protect([&] { InitMaterializedSRF(call, 0); });
    const pg::Connection connection;
    Surroundings surroundings;
    EventBatch batch = surroundings.read(payload, arguments.format, arguments.store);
    pg::check_for_interrupts();
    const Plan plan = preview_batch(batch, surroundings);
    for (const Preview& preview : previews_of(batch, plan)) {
        const bool has_made_id = preview.event != nullptr && surroundings.made(preview.event->event_id);
        pg::protect([&] { put_preview(reinterpret_cast<ReturnSetInfo*>(call->resultinfo), preview, has_made_id); });
    }
    return 0;
}

}  // namespace
}  // namespace analytics::ingest

ANALYTICS_FUNCTION(analytics_ingest_text) {
    return analytics::ingest::ingest(fcinfo, analytics::ingest::text_payload(fcinfo));
}

ANALYTICS_FUNCTION(analytics_ingest_jsonb) {
    return analytics::ingest::ingest(fcinfo, analytics::ingest::jsonb_payload(fcinfo));
}

ANALYTICS_FUNCTION(analytics_validate_text) {
    return analytics::ingest::validate(fcinfo, analytics::ingest::text_payload(fcinfo));
}

ANALYTICS_FUNCTION(analytics_validate_jsonb) {
    return analytics::ingest::validate(fcinfo, analytics::ingest::jsonb_payload(fcinfo));
}

// The id of the top-level transaction: what a row is stamped with.
ANALYTICS_FUNCTION(analytics_stamp) {
    return analytics::pg::protect([] { return FullTransactionIdGetDatum(GetTopFullTransactionId()); });
}
