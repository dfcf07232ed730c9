#include "functions/line_reader.hpp"

#include "pg/datum.hpp"
#include "pg/errors.hpp"

extern "C" {
#include "utils/date.h"
}

namespace analytics::cell_pass {
namespace {

// Inside protect() where a text is compressed or out of line; otherwise it raises nothing.
void decode(cells::Value& value, Datum datum, Oid type) {
    switch (type) {
        case BOOLOID:
            value.number = DatumGetBool(datum) ? 1 : 0;
            break;
        case CHAROID:
            value.number = DatumGetChar(datum);
            break;
        case INT2OID:
            value.number = DatumGetInt16(datum);
            break;
        case INT4OID:
        case DATEOID:
            value.number = DatumGetInt32(datum);
            break;
        case INTERVALOID: {
            const Interval* const length = DatumGetIntervalP(datum);
            value.number = length->time + (length->day + length->month * std::int64_t{DAYS_PER_MONTH}) * USECS_PER_DAY;
            break;
        }
        case INT8OID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
        case XID8OID:
            value.number = DatumGetInt64(datum);
            break;
        case JSONBOID: {
            // read by whoever wants it: most documents nobody wants
            const auto* const stored = DatumGetPointer(datum);
            value.text = {stored, VARSIZE_ANY(stored)};
            break;
        }
        default:
            value.text = pg::text_view(datum);
    }
}

bool is_plain(Datum datum) {
    const auto* const pointer = DatumGetPointer(datum);
    return !VARATT_IS_EXTERNAL(pointer) && !VARATT_IS_COMPRESSED(pointer);
}

void read_amount(cells::Value& value, Datum datum) {
    auto amount = is_plain(datum) ? pg::plain_decimal(datum) : std::nullopt;
    if (!amount) {
        datum = pg::protect([&] { return PointerGetDatum(PG_DETOAST_DATUM(datum)); });
        amount = pg::plain_decimal(datum);
    }
    value.wide = !amount;
    if (amount) {
        value.amount = *amount;
    } else {
        value.text = pg::protect([&] { return DatumGetCString(DirectFunctionCall1(numeric_out, datum)); });
    }
}

}  // namespace

cells::Line& LineReader::read(HeapTuple row, TupleDesc columns) {
    const auto size = static_cast<std::size_t>(columns->natts);
    if (datums_.size() != size) {
        line_.resize(size);
        datums_.resize(size);
        nulls_ = std::make_unique<bool[]>(size);
    }
    heap_deform_tuple(row, columns, datums_.data(), nulls_.get());
    std::vector<cells::Value>& values = line_.begin();
    for (std::size_t i = 0; i < size; ++i) {
        const Oid type = TupleDescAttr(columns, static_cast<int>(i))->atttypid;
        cells::Value& value = values[i];
        value.null = nulls_[i];
        if (value.null) {
            continue;
        }
        if (type == NUMERICOID) {
            read_amount(value, datums_[i]);
        } else if (type != TEXTOID || is_plain(datums_[i])) {
            decode(value, datums_[i], type);
        } else {
            pg::protect([&] { decode(value, datums_[i], type); });
        }
    }
    line_.settle();
    return line_;
}

}  // namespace analytics::cell_pass
