#include "functions/ingest_report.hpp"

#include <array>

#include "functions/ingest_store.hpp"
#include "pg/spi.hpp"

namespace analytics::ingest {
namespace {

constexpr std::array<Oid, 9> kRejectionParameters = {TEXTARRAYOID,  TEXTARRAYOID, TEXTARRAYOID,
                                                     BYTEAARRAYOID, INT4ARRAYOID, TEXTARRAYOID,
                                                     TEXTARRAYOID,  TEXTARRAYOID, TEXTARRAYOID};

pg::Statement insert_rejections(
    "INSERT INTO analytics.rejected_event (format, store_id, payload, raw, index, code, pointer, message, status)"
    " SELECT unnest($1), unnest($2), unnest($3)::jsonb, unnest($4), unnest($5), unnest($6), unnest($7), unnest($8),"
    "        unnest($9)",
    kRejectionParameters);

// The store a rejected event was sent to: it may name another one only where the sender may write to all.
std::string_view store_of(const SentRejection& sent) {
    const std::string_view named = sent.rejection->store_id;
    return sent.store == kMainStore && !named.empty() ? named : sent.store;
}

// ---- inside protect() ----

void push_text(JsonbParseState** state, JsonbIteratorToken token, std::string_view text) {
    JsonbValue value{};
    value.type = jbvString;
    value.val.string.val = const_cast<char*>(text.data());
    value.val.string.len = static_cast<int>(text.size());
    pushJsonbValue(state, token, &value);
}

void push_member(JsonbParseState** state, std::string_view key, std::string_view text) {
    push_text(state, WJB_KEY, key);
    push_text(state, WJB_VALUE, text);
}

}  // namespace

void store_rejections(std::span<const SentRejection> rejections) {
    const std::size_t size = rejections.size();
    if (size == 0) {
        return;
    }
    using OptionalText = std::optional<std::string_view>;
    const auto source = [&](std::size_t i, bool is_json) {
        const Rejection& rejection = *rejections[i].rejection;
        return rejection.is_json == is_json ? OptionalText(rejection.source) : OptionalText();
    };
    const auto word = [&](std::string Rejection::*part) {
        return pg::text_array(size, [&](std::size_t i) { return std::string_view(rejections[i].rejection->*part); });
    };
    std::array<Datum, 9> columns{};
    pg::protect([&] {
        columns = {pg::text_array(size, [&](std::size_t i) { return rejections[i].format; }),
                   pg::text_array(size, [&](std::size_t i) { return store_of(rejections[i]); }),
                   pg::text_array(size, [&](std::size_t i) { return source(i, true); }),
                   pg::text_array(size, [&](std::size_t i) { return source(i, false); }),
                   pg::int4_array(size, [&](std::size_t i) { return rejections[i].index; }),
                   word(&Rejection::code),
                   word(&Rejection::pointer),
                   word(&Rejection::message),
                   pg::text_array(size, [&](std::size_t i) {
                       return std::string_view(rejections[i].is_out_of_bounds ? "discarded" : "open");
                   })};
        // text and bytea are stored alike
        DatumGetArrayTypeP(columns[3])->elemtype = BYTEAOID;
    });
    insert_rejections.execute(
        {columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], columns[7], columns[8]});
}

void store_rejections(const std::vector<Rejection>& rejections, std::string_view store, std::string_view format) {
    std::vector<SentRejection> sent;
    sent.reserve(rejections.size());
    for (const Rejection& rejection : rejections) {
        sent.push_back({&rejection, rejection.index, store, format, false});
    }
    store_rejections(sent);
}

Datum errors_datum(const std::vector<ListedError>& errors) {
    JsonbParseState* state = nullptr;
    pushJsonbValue(&state, WJB_BEGIN_ARRAY, nullptr);
    for (const ListedError& error : errors) {
        pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
        push_text(&state, WJB_KEY, "index");
        JsonbValue index{};
        index.type = jbvNumeric;
        index.val.numeric = int64_to_numeric(static_cast<int64>(error.index));
        pushJsonbValue(&state, WJB_VALUE, &index);
        if (error.event_id) {
            push_member(&state, "event_id", *error.event_id);
        }
        push_member(&state, "code", error.code);
        push_member(&state, "pointer", error.pointer);
        push_member(&state, "message", error.message);
        pushJsonbValue(&state, WJB_END_OBJECT, nullptr);
    }
    return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, nullptr)));
}

Datum report_row(FunctionCallInfo call, const Report& report) {
    return pg::protect([&] {
        TupleDesc columns = nullptr;
        if (get_call_result_type(call, nullptr, &columns) != TYPEFUNC_COMPOSITE) {
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("function returning record called in context that cannot accept type record")));
        }
        std::array<Datum, 4> values = {Int64GetDatum(report.accepted), Int64GetDatum(report.duplicates),
                                       Int64GetDatum(report.rejected), errors_datum(report.errors)};
        std::array<bool, 4> nulls{};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values.data(), nulls.data()));
    });
}

}  // namespace analytics::ingest
