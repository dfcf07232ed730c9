#include "functions/ingest_report.hpp"

#include <algorithm>
#include <array>

#include "functions/ingest_store.hpp"
#include "pg/spi.hpp"

namespace analytics::ingest {
namespace {

constexpr std::array<Oid, 8> kRejectionParameters = {TEXTOID,      TEXTARRAYOID, TEXTARRAYOID, BYTEAARRAYOID,
                                                     INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID};

pg::Statement insert_rejections(
    "INSERT INTO analytics.rejected_event (format, store_id, payload, raw, index, code, pointer, message)"
    " SELECT $1, unnest($2), unnest($3)::jsonb, unnest($4), unnest($5), unnest($6), unnest($7), unnest($8)",
    kRejectionParameters);

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

Jsonb* errors_document(const Rejection* errors, std::size_t count) {
    JsonbParseState* state = nullptr;
    pushJsonbValue(&state, WJB_BEGIN_ARRAY, nullptr);
    for (std::size_t i = 0; i < count; ++i) {
        const Rejection& error = errors[i];
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
    return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, nullptr));
}

}  // namespace

std::string_view store_of(const Rejection& rejection, std::string_view store) {
    return store == kMainStore && !rejection.store_id.empty() ? rejection.store_id : store;
}

void store_rejections(const std::vector<Rejection>& rejections, std::string_view store, std::string_view format) {
    const std::size_t size = rejections.size();
    if (size == 0) {
        return;
    }
    using OptionalText = std::optional<std::string_view>;
    std::array<Datum, 8> columns{};
    pg::protect([&] {
        columns = {
            pg::text_datum(format),
            pg::text_array(size, [&](std::size_t i) { return store_of(rejections[i], store); }),
            pg::text_array(size,
                           [&](std::size_t i) {
                               return rejections[i].is_json ? OptionalText(rejections[i].source) : OptionalText();
                           }),
            pg::text_array(size,
                           [&](std::size_t i) {
                               return rejections[i].is_json ? OptionalText() : OptionalText(rejections[i].source);
                           }),
            pg::int4_array(size, [&](std::size_t i) { return rejections[i].index; }),
            pg::text_array(size, [&](std::size_t i) { return std::string_view(rejections[i].code); }),
            pg::text_array(size, [&](std::size_t i) { return std::string_view(rejections[i].pointer); }),
            pg::text_array(size, [&](std::size_t i) { return std::string_view(rejections[i].message); })};
        // text and bytea are stored alike
        DatumGetArrayTypeP(columns[3])->elemtype = BYTEAOID;
    });
    insert_rejections.execute(
        {columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], columns[7]});
}

Datum report_row(FunctionCallInfo call, const Report& report) {
    const std::size_t listed = std::min(report.errors.size(), kListedErrors);
    return pg::protect([&] {
        TupleDesc columns = nullptr;
        if (get_call_result_type(call, nullptr, &columns) != TYPEFUNC_COMPOSITE) {
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("function returning record called in context that cannot accept type record")));
        }
        std::array<Datum, 4> values = {Int64GetDatum(report.accepted), Int64GetDatum(report.duplicates),
                                       Int64GetDatum(report.rejected),
                                       JsonbPGetDatum(errors_document(report.errors.data(), listed))};
        std::array<bool, 4> nulls{};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values.data(), nulls.data()));
    });
}

}  // namespace analytics::ingest
