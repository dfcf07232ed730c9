// ingest_group(payloads, formats, stores, events, bound) in SQL, for the tests and for measuring: one row a member.

#include "core/json.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "functions/ingest_arguments.hpp"
#include "functions/ingest_group.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace analytics::ingest {
namespace {

// The elements of an array argument; none where it is null.
struct Elements {
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int size = 0;
};

Elements elements(FunctionCallInfo fcinfo, int number, Oid type) {
    Elements found;
    if (!PG_ARGISNULL(number)) {
        pg::protect([&] {
            std::int16_t length = 0;
            bool by_value = false;
            char alignment = 0;
            get_typlenbyvalalign(type, &length, &by_value, &alignment);
            deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), type, length, by_value, alignment, &found.values,
                              &found.nulls, &found.size);
        });
    }
    return found;
}

// `events`, [null, ["view_item", "add_to_cart"], ...], as the members' types.
std::vector<std::optional<std::vector<std::string>>> allowed_types(FunctionCallInfo fcinfo, int number) {
    std::vector<std::optional<std::vector<std::string>>> types;
    if (PG_ARGISNULL(number)) {
        return types;
    }
    const std::string text(pg::protect([&] {
        Jsonb* const document = PG_GETARG_JSONB_P(number);
        StringInfoData out;
        initStringInfo(&out);
        JsonbToCString(&out, &document->root, VARSIZE(document));
        return std::string_view(out.data, static_cast<std::size_t>(out.len));
    }));
    json::Document document;
    if (!document.read(text.data(), text.data() + text.size()) || document.root().type != json::Type::array) {
        throw Error(Code::invalid_parameter, "events must be an array")
            .hint("Pass an element a member: null, or an array of event types.");
    }
    for (const json::Node& member : json::Children(document.root())) {
        auto& allowed = types.emplace_back();
        if (member.type == json::Type::array) {
            allowed.emplace();
            for (const json::Node& name : json::Children(member)) {
                allowed->emplace_back(name.type == json::Type::string ? name.content() : "");
            }
        }
    }
    return types;
}

std::vector<GroupMember> members_of(FunctionCallInfo call) {
    const Elements payloads = elements(call, 0, TEXTOID), formats = elements(call, 1, TEXTOID),
                   stores = elements(call, 2, TEXTOID), bound = elements(call, 4, BOOLOID);
    auto types = allowed_types(call, 3);
    std::vector<GroupMember> members(static_cast<std::size_t>(payloads.size));
    for (int i = 0; i < payloads.size; ++i) {
        GroupMember& member = members[static_cast<std::size_t>(i)];
        const auto has = [&](const Elements& array) { return i < array.size && !array.nulls[i]; };
        member.payload = has(payloads) ? pg::text_view(payloads.values[i]) : std::string_view();
        member.format = has(formats) ? pg::text_view(formats.values[i]) : member.format;
        member.store = has(stores) ? pg::text_view(stores.values[i]) : member.store;
        member.store_is_bound = has(bound) && DatumGetBool(bound.values[i]);
        if (static_cast<std::size_t>(i) < types.size()) {
            member.event_types = std::move(types[static_cast<std::size_t>(i)]);
        }
    }
    return members;
}

// Runs inside protect().
void put_reply(ReturnSetInfo* result, std::size_t member, const GroupReply& reply) {
    std::array<Datum, 9> values{};
    std::array<bool, 9> nulls{};
    values[0] = Int32GetDatum(static_cast<std::int32_t>(member));
    if (reply.refusal) {
        const auto text = [](const std::string& part) { return pg::text_datum(part); };
        nulls[1] = nulls[2] = nulls[3] = nulls[4] = true;
        values[5] = CStringGetTextDatum(unpack_sql_state(reply.refusal->sqlstate));
        values[6] = text(reply.refusal->message);
        values[7] = text(reply.refusal->detail);
        nulls[7] = reply.refusal->detail.empty();
        values[8] = text(reply.refusal->hint);
        nulls[8] = reply.refusal->hint.empty();
    } else {
        values[1] = Int64GetDatum(reply.report.accepted);
        values[2] = Int64GetDatum(reply.report.duplicates);
        values[3] = Int64GetDatum(reply.report.rejected);
        values[4] = errors_datum(reply.report.errors);
        nulls[5] = nulls[6] = nulls[7] = nulls[8] = true;
    }
    tuplestore_putvalues(result->setResult, result->setDesc, values.data(), nulls.data());
}

}  // namespace
}  // namespace analytics::ingest

ANALYTICS_FUNCTION(analytics_ingest_group) {
    using namespace analytics;
    pg::protect([&] { InitMaterializedSRF(fcinfo, 0); });
    const auto members = ingest::members_of(fcinfo);
    const auto replies = ingest::ingest_group(members);
    for (std::size_t i = 0; i < replies.size(); ++i) {
        pg::protect(
            [&] { ingest::put_reply(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), i + 1, replies[i]); });
    }
    return 0;
}
