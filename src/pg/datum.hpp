// Values to and from PostgreSQL.
//
// Functions of the first group may raise a PostgreSQL error: they hold no C++ object while they call it, so that they
// can be used inside pg::protect(). Those of the second group throw C++ exceptions and are used outside of it. What
// they allocate lies in CurrentMemoryContext.
#pragma once

#include "core/decimal.hpp"
#include "core/event.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "pg/errors.hpp"
#include "pg/headers.hpp"

namespace analytics::pg {

// PostgreSQL counts microseconds from 2000-01-01, the core from 1970-01-01.
inline constexpr std::int64_t kEpochShift = std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * USECS_PER_DAY;

inline TimestampTz to_timestamp(UnixMicros time) { return time - kEpochShift; }
inline UnixMicros from_timestamp(TimestampTz time) { return time + kEpochShift; }

// ---- inside protect() ----

Datum text_datum(std::string_view text);
Datum numeric_datum(const Decimal& value);
Datum jsonb_datum(std::string_view json_text);

// A null-terminated copy.
char* cstring(std::string_view text);

// One-dimensional arrays of `size` elements; element(i) returns the value, an optional or a plain one. Elements without
// a value become null.
template <typename Element>
Datum text_array(std::size_t size, Element&& element);
template <typename Element>
Datum int4_array(std::size_t size, Element&& element);
template <typename Element>
Datum int8_array(std::size_t size, Element&& element);
template <typename Element>
Datum char_array(std::size_t size, Element&& element);
template <typename Element>
Datum timestamp_array(std::size_t size, Element&& element);
template <typename Element>
Datum float4_array(std::size_t size, Element&& element);
template <typename Element>
Datum float8_array(std::size_t size, Element&& element);

// The bytes of a text, detoasted where it is stored otherwise.
std::string_view text_view(Datum text);

// What a numeric holds, read where it lies (neither compressed nor out of line) without raising anything; nullopt: it
// is no finite number, or has more than 36 digits.
std::optional<Decimal> plain_decimal(Datum numeric);

// ---- outside of protect() ----

// A finite numeric. More than 38 digits: analytics::Error out_of_range.
Decimal decimal_from(Datum numeric);

// ---- implementation ----

namespace detail {

// The header of an array of `size` elements that take `data_size` bytes, all null bits set; null: no element is null.
ArrayType* make_array(std::size_t size, std::size_t data_size, bool has_nulls, Oid type);

inline void clear_bit(ArrayType* array, std::size_t place) {
    ARR_NULLBITMAP(array)[place / 8] &= static_cast<bits8>(~(1U << (place % 8)));
}

template <typename Value>
std::optional<Value> as_optional(const std::optional<Value>& value) {
    return value;
}
template <typename Value>
std::optional<Value> as_optional(const Value& value) {
    return value;
}

// Elements of a fixed width, aligned to it.
template <typename Stored, typename Element>
Datum fixed_array(std::size_t size, Oid type, Element&& element) {
    std::size_t present = 0;
    for (std::size_t i = 0; i < size; ++i) {
        present += as_optional(element(i)).has_value() ? 1 : 0;
    }
    ArrayType* array = make_array(size, present * sizeof(Stored), present < size, type);
    char* out = size == 0 ? nullptr : ARR_DATA_PTR(array);
    for (std::size_t i = 0; i < size; ++i) {
        if (const auto value = as_optional(element(i))) {
            const auto stored = static_cast<Stored>(*value);
            std::memcpy(out, &stored, sizeof stored);
            out += sizeof stored;
        } else {
            clear_bit(array, i);
        }
    }
    return PointerGetDatum(array);
}

}  // namespace detail

template <typename Element>
Datum int4_array(std::size_t size, Element&& element) {
    return detail::fixed_array<std::int32_t>(size, INT4OID, element);
}

template <typename Element>
Datum int8_array(std::size_t size, Element&& element) {
    return detail::fixed_array<std::int64_t>(size, INT8OID, element);
}

template <typename Element>
Datum char_array(std::size_t size, Element&& element) {
    return detail::fixed_array<char>(size, CHAROID, element);
}

template <typename Element>
Datum timestamp_array(std::size_t size, Element&& element) {
    return detail::fixed_array<TimestampTz>(size, TIMESTAMPTZOID, element);
}

template <typename Element>
Datum float4_array(std::size_t size, Element&& element) {
    return detail::fixed_array<float>(size, FLOAT4OID, element);
}

template <typename Element>
Datum float8_array(std::size_t size, Element&& element) {
    return detail::fixed_array<double>(size, FLOAT8OID, element);
}

template <typename Element>
Datum text_array(std::size_t size, Element&& element) {
    std::size_t bytes = 0;
    std::size_t present = 0;
    for (std::size_t i = 0; i < size; ++i) {
        if (const auto text = detail::as_optional(element(i))) {
            bytes = INTALIGN(bytes) + VARHDRSZ + text->size();
            ++present;
        }
    }
    ArrayType* array = detail::make_array(size, INTALIGN(bytes), present < size, TEXTOID);
    char* const start = size == 0 ? nullptr : ARR_DATA_PTR(array);
    std::size_t place = 0;
    for (std::size_t i = 0; i < size; ++i) {
        if (const auto text = detail::as_optional(element(i))) {
            SET_VARSIZE(start + place, VARHDRSZ + text->size());
            std::memcpy(start + place + VARHDRSZ, text->data(), text->size());
            place = INTALIGN(place + VARHDRSZ + text->size());
        } else {
            detail::clear_bit(array, i);
        }
    }
    return PointerGetDatum(array);
}

}  // namespace analytics::pg
