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
        case TIMESTAMPTZOID:
        case XID8OID:
            value.number = DatumGetInt64(datum);
            break;
        case NUMERICOID: {
            const auto amount = pg::plain_decimal(datum);
            value.wide = !amount;
            if (amount) {
                value.amount = *amount;
            } else {
                value.text = DatumGetCString(DirectFunctionCall1(numeric_out, datum));
            }
            break;
        }
        default:
            value.text = pg::text_view(datum);
    }
}

bool is_plain(Datum datum, Oid type) {
    if (type != TEXTOID && type != NUMERICOID && type != JSONBOID) {
        return true;
    }
    const auto* const pointer = DatumGetPointer(datum);
    return !VARATT_IS_EXTERNAL(pointer) && !VARATT_IS_COMPRESSED(pointer) &&
           (type != NUMERICOID || pg::plain_decimal(datum).has_value());
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
        value.wide = false;
        if (is_plain(datums_[i], type)) {
            decode(value, datums_[i], type);
        } else {
            pg::protect([&] {
                if (type == NUMERICOID) {
                    datums_[i] = PointerGetDatum(PG_DETOAST_DATUM(datums_[i]));
                }
                decode(value, datums_[i], type);
            });
        }
    }
    return line_;
}

}  // namespace analytics::cell_pass
