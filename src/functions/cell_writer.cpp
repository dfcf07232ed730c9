#include "functions/cell_writer.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "pg/datum.hpp"
#include "pg/errors.hpp"

extern "C" {
#include "utils/date.h"
#include "utils/regproc.h"
}

namespace analytics::cell_pass {
namespace {

Datum count_datum(std::span<const std::int64_t> hashes, Hll& hll) {
    Datum whole = 0;
    for (std::size_t from = 0; from < hashes.size(); from += cells::kExplicitLimit) {
        const std::string part =
            cells::explicit_hll(hashes.subspan(from, std::min(cells::kExplicitLimit, hashes.size() - from)));
        whole = pg::protect([&] {
            const Datum stored = pg::text_datum(part);
            return from == 0 ? stored : FunctionCall2(&hll.unite, whole, stored);
        });
    }
    return whole;
}

// Inside protect(): '2026-03-02 09:30:00.000000', as moment_sql() writes it.
Datum moment_text(TimestampTz at) {
    pg_tm time{};
    fsec_t fraction = 0;
    int zone = 0;
    if (timestamp2tm(at, &zone, &time, &fraction, nullptr, pg_tzset("UTC")) != 0) {
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
    }
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d.%06d", time.tm_year, time.tm_mon, time.tm_mday,
                  time.tm_hour, time.tm_min, time.tm_sec, static_cast<int>(fraction));
    return pg::text_datum(text);
}

// Inside protect().
Datum first_order(const cells::Moment& moment, std::optional<std::string_view> channel,
                  std::optional<std::string_view> country) {
    std::array<Datum, 3> values = {moment_text(moment.at), channel ? pg::text_datum(*channel) : 0,
                                   country ? pg::text_datum(*country) : 0};
    std::array<bool, 3> nulls = {false, !channel, !country};
    int dimensions = 3;
    int lower = 1;
    return PointerGetDatum(
        construct_md_array(values.data(), nulls.data(), 1, &dimensions, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum text_of(std::string_view value) {
    return pg::protect([&] { return pg::text_datum(value); });
}

}  // namespace

Hll::Hll(const std::string& schema) {
    const std::string name = schema + ".hll";
    const std::string unites = schema + ".hll_union(" + name + "," + name + ")";
    pg::protect([&] {
        type = DatumGetObjectId(DirectFunctionCall1(regtypein, CStringGetDatum(name.c_str())));
        fmgr_info(DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(unites.c_str()))), &unite);
    });
}

TupleDesc cell_columns(const Rollup& rollup, Oid hll) {
    const cells::Shape& shape = rollup.shape;
    const auto width = static_cast<int>(rollup.columns.size()) + 4;
    return pg::protect([&] {
        TupleDesc const columns = CreateTemplateTupleDesc(width);
        AttrNumber at = 0;
        const auto add = [&](const char* name, Oid type) { TupleDescInitEntry(columns, ++at, name, type, -1, 0); };
        add("store_id", TEXTOID);
        add("bucket", rollup.hourly ? TIMESTAMPTZOID : DATEOID);
        std::size_t name = 0;
        for (std::size_t i = 0; i < shape.keys.size(); ++i) add(rollup.columns[name++].c_str(), TEXTOID);
        for (const cells::Sum& sum : shape.sums)
            add(rollup.columns[name++].c_str(), sum.is_amount ? NUMERICOID : INT8OID);
        for (std::size_t i = 0; i < shape.counts.size(); ++i) add(rollup.columns[name++].c_str(), hll);
        for (const cells::Extreme extreme : shape.extremes) {
            add(rollup.columns[name++].c_str(), extreme == cells::Extreme::first_order ? TEXTARRAYOID : TIMESTAMPTZOID);
        }
        add("lines", INT8OID);
        add("lost", BOOLOID);
        return columns;
    });
}

Datum amount_datum(const cells::Total& total) {
    if (total.fits()) {
        const Decimal value = total.value();
        return pg::protect([&] { return pg::numeric_datum(value); });
    }
    const std::string digits = total.digits();
    return pg::protect([&] {
        return DirectFunctionCall3(numeric_in, CStringGetDatum(digits.c_str()), ObjectIdGetDatum(InvalidOid),
                                   Int32GetDatum(-1));
    });
}

CellWriter::CellWriter(const Rollup& rollup, const cells::Words& words, Hll& hll)
    : rollup_(rollup),
      words_(words),
      hll_(hll),
      width_(rollup.columns.size() + 4),
      values_(width_),
      nulls_(std::make_unique<bool[]>(width_)) {
    memory_ = pg::protect(
        [] { return AllocSetContextCreate(CurrentMemoryContext, "analytics cell", ALLOCSET_DEFAULT_SIZES); });
}

bool CellWriter::put(const cells::Table& table, pg::Rows& rows) {
    bool lost = false;
    MemoryContext const caller = MemoryContextSwitchTo(memory_);
    for (std::size_t place = 0; place < table.size(); ++place) {
        put_cell(table, place);
        pg::protect([&] { rows.put(values_.data(), nulls_.get()); });
        lost = lost || table.cell(place).lost;
        MemoryContextReset(memory_);
    }
    MemoryContextSwitchTo(caller);
    return lost;
}

void CellWriter::put_cell(const cells::Table& table, std::size_t place) {
    const cells::Shape& shape = rollup_.shape;
    const cells::Cell& cell = table.cell(place);
    std::size_t at = 0;
    std::fill_n(nulls_.get(), width_, false);
    values_[at++] = text_of(words_.text(table.store(place)));
    values_[at++] = rollup_.hourly ? Int64GetDatum(cell.bucket) : DateADTGetDatum(static_cast<DateADT>(cell.bucket));
    for (std::size_t i = 0; i < shape.keys.size(); ++i) {
        values_[at++] = text_of(words_.text(table.key(place, i)));
    }
    for (std::size_t i = 0; i < shape.sums.size(); ++i) {
        values_[at++] =
            shape.sums[i].is_amount ? amount_datum(table.total(place, i)) : Int64GetDatum(table.number(place, i));
    }
    for (std::size_t i = 0; i < shape.counts.size(); ++i, ++at) {
        const auto hashes = table.count(place, i);
        nulls_[at] = hashes.empty();
        values_[at] = count_datum(hashes, hll_);
    }
    for (std::size_t i = 0; i < shape.extremes.size(); ++i, ++at) {
        const auto moment = table.extreme(place, i);
        nulls_[at] = !moment;
        if (!moment) {
            continue;
        }
        values_[at] = shape.extremes[i] == cells::Extreme::first_order ? first_order_of(*moment)
                                                                       : TimestampTzGetDatum(moment->at);
    }
    values_[at++] = Int64GetDatum(cell.lines);
    values_[at] = BoolGetDatum(cell.lost);
}

Datum CellWriter::first_order_of(const cells::Moment& moment) const {
    const auto text = [&](const std::optional<cells::Word>& word) {
        return word ? std::optional(words_.text(*word)) : std::nullopt;
    };
    const auto channel = text(moment.channel);
    const auto country = text(moment.country);
    return pg::protect([&] { return first_order(moment, channel, country); });
}

}  // namespace analytics::cell_pass
