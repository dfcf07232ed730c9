// read_filter(text): what create_rollup takes for a filter, read and printed again.
#include "core/filter.hpp"

#include <array>

#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace {

Datum filter_row(FunctionCallInfo call, const analytics::Filter& filter) {
    return analytics::pg::protect([&] {
        TupleDesc columns = nullptr;
        if (get_call_result_type(call, nullptr, &columns) != TYPEFUNC_COMPOSITE) {
            elog(ERROR, "read_filter() is called without a row type");
        }
        std::array<Datum, 2> values = {analytics::pg::text_datum(filter.text),
                                       analytics::pg::text_datum(filter.condition)};
        std::array<bool, 2> nulls = {false, false};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values.data(), nulls.data()));
    });
}

}  // namespace

ANALYTICS_FUNCTION(analytics_read_filter) {
    const auto text = analytics::pg::protect([&] { return analytics::pg::text_view(PG_GETARG_DATUM(0)); });
    return filter_row(fcinfo, analytics::read_filter(text));
}
