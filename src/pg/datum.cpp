#include "pg/datum.hpp"

#include <charconv>
#include <limits>

namespace analytics::pg {

char* cstring(std::string_view text) { return pnstrdup(text.data(), text.size()); }

Datum text_datum(std::string_view text) {
    return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

Datum jsonb_datum(std::string_view json_text) {
    char* const copy = cstring(json_text);
    Datum const value = DirectFunctionCall1(jsonb_in, CStringGetDatum(copy));
    pfree(copy);
    return value;
}

Datum numeric_datum(const Decimal& value) {
    __int128 const coefficient = value.coefficient();
    if (coefficient >= std::numeric_limits<std::int64_t>::min() &&
        coefficient <= std::numeric_limits<std::int64_t>::max()) {
        return NumericGetDatum(int64_div_fast_to_numeric(static_cast<std::int64_t>(coefficient), value.scale()));
    }
    // beyond 64 bits: by its digits; 38 of them, a sign, a point, leading zeros up to the scale
    char buffer[96];
    char* out = buffer + sizeof buffer;
    *--out = '\0';
    auto rest =
        coefficient < 0 ? -static_cast<unsigned __int128>(coefficient) : static_cast<unsigned __int128>(coefficient);
    for (int digit = 0; rest != 0 || digit <= value.scale(); ++digit) {
        if (digit == value.scale() && digit > 0) {
            *--out = '.';
        }
        *--out = static_cast<char>('0' + static_cast<int>(rest % 10));
        rest /= 10;
    }
    if (coefficient < 0) {
        *--out = '-';
    }
    return DirectFunctionCall3(numeric_in, CStringGetDatum(out), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

std::string_view text_view(Datum text) {
    auto* const plain = reinterpret_cast<varlena*>(PG_DETOAST_DATUM_PACKED(text));
    return {VARDATA_ANY(plain), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(plain))};
}

namespace detail {

ArrayType* make_array(std::size_t size, std::size_t data_size, bool has_nulls, Oid type) {
    if (size == 0) {
        return construct_empty_array(type);
    }
    std::size_t const header = has_nulls ? ARR_OVERHEAD_WITHNULLS(1, static_cast<int>(size)) : ARR_OVERHEAD_NONULLS(1);
    std::size_t const total = header + data_size;
    if (!AllocSizeIsValid(total)) {
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("batch is too large"),
                 errdetail("One column of it takes %zu bytes.", total), errhint("Send fewer events in a call.")));
    }
    auto* const array = static_cast<ArrayType*>(palloc0(total));
    SET_VARSIZE(array, total);
    array->ndim = 1;
    array->dataoffset = has_nulls ? static_cast<int32>(header) : 0;
    array->elemtype = type;
    ARR_DIMS(array)[0] = static_cast<int>(size);
    ARR_LBOUND(array)[0] = 1;
    if (has_nulls) {
        std::memset(ARR_NULLBITMAP(array), 0xff, (size + 7) / 8);
    }
    return array;
}

}  // namespace detail

// The format of numeric.c, as it has been since PostgreSQL 9.1: a header with sign, display scale and weight, short or
// long; then digits of base 10,000, the first of which counts 10,000^weight.
std::optional<Decimal> plain_decimal(Datum numeric) {
    constexpr std::uint16_t kKind = 0xc000;
    constexpr std::uint16_t kLongNegative = 0x4000;
    constexpr std::uint16_t kShort = 0x8000;
    constexpr std::uint16_t kSpecial = 0xc000;
    constexpr std::size_t kDigits = 9;  // 36 decimal ones
    const auto* const stored = reinterpret_cast<varlena*>(DatumGetPointer(numeric));
    const char* data = VARDATA_ANY(stored);
    std::size_t size = VARSIZE_ANY_EXHDR(stored);
    const auto take = [&] {
        std::uint16_t word = 0;
        std::memcpy(&word, data, sizeof word);
        data += sizeof word;
        size -= sizeof word;
        return word;
    };
    const std::uint16_t header = take();
    if ((header & kKind) == kSpecial) {
        return std::nullopt;
    }
    const bool is_short = (header & kKind) == kShort;
    const bool negative = is_short ? (header & 0x2000) != 0 : (header & kKind) == kLongNegative;
    const int scale = is_short ? (header & 0x1f80) >> 7 : header & 0x3fff;
    int weight = 0;
    if (is_short) {
        weight = header & 0x3f;
        weight -= (header & 0x40) != 0 ? 0x40 : 0;
    } else {
        weight = static_cast<std::int16_t>(take());
    }
    const std::size_t digits = size / 2;
    int power =
        (weight - static_cast<int>(digits) + 1) * 4 + scale;  // of ten, that the digits are short of the coefficient
    if (digits > kDigits || scale > 36 || (digits > 0 && static_cast<int>(digits) * 4 + power > 36)) {
        return std::nullopt;
    }
    __int128 coefficient = 0;
    while (size >= 2) {
        coefficient = coefficient * 10000 + take();
    }
    for (; power > 0 && coefficient != 0; --power) coefficient *= 10;
    for (; power < 0; ++power) coefficient /= 10;  // zeros beyond the display scale
    return Decimal(negative ? -coefficient : coefficient, scale);
}

Decimal decimal_from(Datum numeric) {
    const char* text = protect([&] { return DatumGetCString(DirectFunctionCall1(numeric_out, numeric)); });
    constexpr int kDigits = 38;
    bool const negative = *text == '-';
    bool fraction = false;
    int digits = 0;
    int scale = 0;
    __int128 coefficient = 0;
    for (text += negative ? 1 : 0; *text != '\0'; ++text) {
        if (*text == '.') {
            fraction = true;
            continue;
        }
        if (*text < '0' || *text > '9') {
            throw analytics::Error(Code::internal, "stored amount is no finite number");
        }
        digits += digits > 0 || *text != '0' ? 1 : 0;
        scale += fraction ? 1 : 0;
        if (digits > kDigits || scale > kDigits) {
            throw analytics::Error(Code::out_of_range, "stored amount has more than 38 digits");
        }
        coefficient = coefficient * 10 + (*text - '0');
    }
    return {negative ? -coefficient : coefficient, scale};
}

}  // namespace analytics::pg
