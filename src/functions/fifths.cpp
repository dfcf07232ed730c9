// The aggregate fifths(value): the values that part a set into five, by selection, which takes a tenth of a sort's
// time.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <optional>
#include <vector>

#include "core/decimal.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/memory.hpp"

namespace {

using analytics::pg::protect;

constexpr std::size_t kCuts = 4;
constexpr int kScale = 4;  // decimals of money that a key holds

struct State {
    State(Oid type_of_values, MemoryContext context)
        : type(type_of_values), memory(context), keys(&memory), wide(&memory) {}

    Oid type;
    analytics::pg::ContextMemory memory;
    std::pmr::vector<std::int64_t> keys;  // a value, or its 10^4-fold where it is a numeric
    std::pmr::vector<Datum> wide;         // numerics that no key holds
};

State* new_state(FunctionCallInfo call, MemoryContext context) {
    Oid type = InvalidOid;
    void* place = protect([&] {
        type = get_fn_expr_argtype(call->flinfo, 1);
        if (type != INT8OID && type != TIMESTAMPTZOID && type != NUMERICOID) {
            ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                            errmsg("fifths() takes bigint, timestamp with time zone or numeric")));
        }
        return MemoryContextAlloc(context, sizeof(State));
    });
    return new (place) State(type, context);
}

std::optional<std::int64_t> key_of(Datum numeric) {
    const auto value = analytics::pg::plain_decimal(numeric);
    if (!value || value->scale() > kScale) {
        return std::nullopt;
    }
    __int128 key = value->coefficient();
    if (key > INT64_MAX || key < INT64_MIN) {
        return std::nullopt;
    }
    for (int scale = value->scale(); scale < kScale; ++scale) {
        key *= 10;
    }
    if (key > INT64_MAX || key < INT64_MIN) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(key);
}

void add(State& state, Datum value, MemoryContext context) {
    if (state.type != NUMERICOID) {
        state.keys.push_back(DatumGetInt64(value));
        return;
    }
    auto* data = reinterpret_cast<varlena*>(DatumGetPointer(value));
    if (VARATT_IS_EXTERNAL(data) || VARATT_IS_COMPRESSED(data)) {
        value = protect([&] { return PointerGetDatum(pg_detoast_datum(data)); });
    }
    if (const auto key = key_of(value)) {
        state.keys.push_back(*key);
        return;
    }
    state.wide.push_back(protect([&] {
        MemoryContext const caller = MemoryContextSwitchTo(context);
        const Datum copy = PointerGetDatum(pg_detoast_datum_copy(reinterpret_cast<varlena*>(DatumGetPointer(value))));
        MemoryContextSwitchTo(caller);
        return copy;
    }));
}

// The ceil(k n / 5)th smallest for k from 1 to 4.
template <typename Values, typename Less>
auto select(Values& values, Less less) {
    std::array<typename Values::value_type, kCuts> cuts;
    auto from = values.begin();
    for (std::size_t k = 1; k <= kCuts; ++k) {
        const auto place = values.begin() + static_cast<std::ptrdiff_t>((k * values.size() + 4) / 5 - 1);
        std::nth_element(from, place, values.end(), less);
        cuts[k - 1] = *place;
        from = place;
    }
    return cuts;
}

Datum numeric_of(std::int64_t key) { return analytics::pg::numeric_datum(analytics::Decimal(key, kScale)); }

}  // namespace

ANALYTICS_FUNCTION(analytics_add_to_fifths) {
    MemoryContext context = nullptr;
    if (AggCheckCallContext(fcinfo, &context) == 0) {
        analytics::pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "this function is part of an aggregate", {},
                            "Use analytics.fifths().");
    }
    auto* state = PG_ARGISNULL(0) ? nullptr : reinterpret_cast<State*>(PG_GETARG_POINTER(0));
    if (!PG_ARGISNULL(1)) {
        if (state == nullptr) {
            state = new_state(fcinfo, context);
        }
        add(*state, PG_GETARG_DATUM(1), context);
    }
    if (state == nullptr) {
        PG_RETURN_NULL();
    }
    PG_RETURN_POINTER(state);
}

ANALYTICS_FUNCTION(analytics_cuts_of_fifths) {
    if (PG_ARGISNULL(0)) {
        PG_RETURN_NULL();
    }
    auto& state = *reinterpret_cast<State*>(PG_GETARG_POINTER(0));
    std::array<Datum, kCuts> cuts{};
    if (state.wide.empty()) {
        const auto keys = select(state.keys, std::less<>{});
        for (std::size_t k = 0; k < kCuts; ++k) {
            cuts[k] = state.type == NUMERICOID ? protect([&] { return numeric_of(keys[k]); }) : Int64GetDatum(keys[k]);
        }
    } else {
        std::pmr::vector<Datum> all(state.wide, &state.memory);
        all.reserve(all.size() + state.keys.size());
        protect([&] {
            for (const std::int64_t key : state.keys) all.push_back(numeric_of(key));
            cuts =
                select(all, [](Datum a, Datum b) { return DatumGetInt32(DirectFunctionCall2(numeric_cmp, a, b)) < 0; });
        });
    }
    PG_RETURN_DATUM(protect([&] {
        std::int16_t length = 0;
        bool by_value = false;
        char align = 0;
        get_typlenbyvalalign(state.type, &length, &by_value, &align);
        return PointerGetDatum(construct_array(cuts.data(), kCuts, state.type, length, by_value, align));
    }));
}
