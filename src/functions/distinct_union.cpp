// The aggregates union_counts(hll) and distinct_count(hll): many distinct counts as one.
#include "core/distinct_union.hpp"

#include <cstring>
#include <new>
#include <span>

#include "pg/guard.hpp"
#include "pg/memory.hpp"

namespace {

struct State {
    explicit State(MemoryContext context) : memory(context), sets(&memory) {}

    analytics::pg::ContextMemory memory;
    analytics::DistinctUnion sets;
};

State* new_state(FunctionCallInfo call, MemoryContext context) {
    return new (analytics::pg::protect([&] {
        // whatever has no length of its own would be read beyond its end
        const Oid type = get_fn_expr_argtype(call->flinfo, 1);
        if (!OidIsValid(type) || get_typlen(type) != -1) {
            ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("only distinct counts (hll) can be united")));
        }
        return MemoryContextAlloc(context, sizeof(State));
    })) State(context);
}

std::span<const std::uint8_t> bytes_of(Datum value) {
    auto* data = reinterpret_cast<varlena*>(DatumGetPointer(value));
    if (VARATT_IS_EXTERNAL(data) || VARATT_IS_COMPRESSED(data)) {
        data = analytics::pg::protect([&] { return pg_detoast_datum_packed(data); });
    }
    return {reinterpret_cast<const std::uint8_t*>(VARDATA_ANY(data)), VARSIZE_ANY_EXHDR(data)};
}

}  // namespace

ANALYTICS_FUNCTION(analytics_add_to_union) {
    MemoryContext context = nullptr;
    if (AggCheckCallContext(fcinfo, &context) == 0) {
        analytics::pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "this function is part of an aggregate", {},
                            "Use analytics.distinct_count().");
    }
    auto* state = PG_ARGISNULL(0) ? nullptr : reinterpret_cast<State*>(PG_GETARG_POINTER(0));
    if (!PG_ARGISNULL(1)) {
        if (state == nullptr) {
            state = new_state(fcinfo, context);
        }
        state->sets.add(bytes_of(PG_GETARG_DATUM(1)));
    }
    if (state == nullptr) {
        PG_RETURN_NULL();
    }
    PG_RETURN_POINTER(state);
}

ANALYTICS_FUNCTION(analytics_union_set) {
    if (PG_ARGISNULL(0)) {
        PG_RETURN_NULL();
    }
    const auto set = reinterpret_cast<State*>(PG_GETARG_POINTER(0))->sets.set();
    PG_RETURN_DATUM(analytics::pg::protect([&] {
        auto* result = static_cast<bytea*>(palloc(VARHDRSZ + set.size()));
        SET_VARSIZE(result, VARHDRSZ + set.size());
        std::memcpy(VARDATA(result), set.data(), set.size());
        return PointerGetDatum(result);
    }));
}

ANALYTICS_FUNCTION(analytics_union_count) {
    if (PG_ARGISNULL(0)) {
        PG_RETURN_NULL();
    }
    const double count = reinterpret_cast<State*>(PG_GETARG_POINTER(0))->sets.count();
    return analytics::pg::protect([&] { return Float8GetDatum(count); });
}
