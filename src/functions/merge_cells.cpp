// merge_cells(): reads what a pass has not merged, makes cells of it and has SQL put them into tables.
//
// All that is read is read with one snapshot, S, taken after the engine's lock; cells and P are written by later statements of the
// same transaction, so that they are seen together or not at all. Cells add: where they take more memory than work_mem allows
// they are written, and more follow.

#include "core/cells/cells.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "functions/cell_pass.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/rows.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "utils/datum.h"
#include "utils/date.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"
}

namespace analytics::cell_pass {
namespace {

constexpr long kRowsAtOnce = 1000;
constexpr std::size_t kMemory = 256UL << 20;  // of cells, before they are written

// ---- Reading ----

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
        case INT8OID:
        case TIMESTAMPTZOID:
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
    if (type != TEXTOID && type != NUMERICOID) {
        return true;
    }
    const auto* const pointer = DatumGetPointer(datum);
    return !VARATT_IS_EXTERNAL(pointer) && !VARATT_IS_COMPRESSED(pointer) && (type == TEXTOID || pg::plain_decimal(datum).has_value());
}

class Reader {
public:
    void read(HeapTuple row, TupleDesc columns) {
        const auto size = static_cast<std::size_t>(columns->natts);
        if (line_.size() != size) {
            line_.resize(size);
            datums_.resize(size);
            nulls_ = std::make_unique<bool[]>(size);
        }
        heap_deform_tuple(row, columns, datums_.data(), nulls_.get());
        for (std::size_t i = 0; i < size; ++i) {
            const Oid type = TupleDescAttr(columns, static_cast<int>(i))->atttypid;
            cells::Value& value = line_[i];
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
    }

    std::span<const cells::Value> line() const { return line_; }

private:
    std::vector<cells::Value> line_;
    std::vector<Datum> datums_;
    std::unique_ptr<bool[]> nulls_;
};

// ---- Writing ----

// hll's type and union, where the extension stands.
struct Hll {
    Oid type = InvalidOid;
    FmgrInfo unite{};

    explicit Hll(const std::string& schema) {
        const std::string name = schema + ".hll";
        const std::string unites = schema + ".hll_union(" + name + "," + name + ")";
        pg::protect([&] {
            type = DatumGetObjectId(DirectFunctionCall1(regtypein, CStringGetDatum(name.c_str())));
            fmgr_info(DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(unites.c_str()))), &unite);
        });
    }
};

Datum count_datum(std::span<const std::int64_t> hashes, Hll& hll) {
    Datum whole = 0;
    for (std::size_t from = 0; from < hashes.size(); from += cells::kExplicitLimit) {
        const std::string part = cells::explicit_hll(hashes.subspan(from, std::min(cells::kExplicitLimit, hashes.size() - from)));
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
    std::snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d.%06d", time.tm_year, time.tm_mon, time.tm_mday, time.tm_hour,
                  time.tm_min, time.tm_sec, static_cast<int>(fraction));
    return pg::text_datum(text);
}

// Inside protect().
Datum first_order(const cells::Moment& moment, std::optional<std::string_view> channel, std::optional<std::string_view> country) {
    std::array<Datum, 3> values = {moment_text(moment.at), channel ? pg::text_datum(*channel) : 0, country ? pg::text_datum(*country) : 0};
    std::array<bool, 3> nulls = {false, !channel, !country};
    int dimensions = 3;
    int lower = 1;
    return PointerGetDatum(construct_md_array(values.data(), nulls.data(), 1, &dimensions, &lower, TEXTOID, -1, false, TYPALIGN_INT));
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
        for (const cells::Sum& sum : shape.sums) add(rollup.columns[name++].c_str(), sum.is_amount ? NUMERICOID : INT8OID);
        for (std::size_t i = 0; i < shape.counts.size(); ++i) add(rollup.columns[name++].c_str(), hll);
        for (const cells::Extreme extreme : shape.extremes) {
            add(rollup.columns[name++].c_str(), extreme == cells::Extreme::first_order ? TEXTARRAYOID : TIMESTAMPTZOID);
        }
        add("lines", INT8OID);
        add("lost", BOOLOID);
        return columns;
    });
}

class CellWriter {
public:
    CellWriter(const Rollup& rollup, const cells::Words& words, Hll& hll)
        : rollup_(rollup), words_(words), hll_(hll), width_(rollup.columns.size() + 4), values_(width_), nulls_(std::make_unique<bool[]>(width_)) {
        memory_ = pg::protect([] { return AllocSetContextCreate(CurrentMemoryContext, "analytics cell", ALLOCSET_DEFAULT_SIZES); });
    }

    // Puts a table's cells; returns whether one of them has lost a key.
    bool put(const cells::Table& table, pg::Rows& rows) {
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

private:
    void put_cell(const cells::Table& table, std::size_t place) {
        const cells::Shape& shape = rollup_.shape;
        const cells::Cell& cell = table.cell(place);
        std::size_t at = 0;
        std::fill_n(nulls_.get(), width_, false);
        values_[at++] = text(words_.text(table.store(place)));
        values_[at++] = rollup_.hourly ? Int64GetDatum(cell.bucket) : DateADTGetDatum(static_cast<DateADT>(cell.bucket));
        for (std::size_t i = 0; i < shape.keys.size(); ++i) {
            values_[at++] = text(words_.text(table.key(place, i)));
        }
        for (std::size_t i = 0; i < shape.sums.size(); ++i) {
            values_[at++] = shape.sums[i].is_amount ? amount(table.total(place, i)) : Int64GetDatum(table.number(place, i));
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
            values_[at] = shape.extremes[i] == cells::Extreme::first_order ? order(*moment) : TimestampTzGetDatum(moment->at);
        }
        values_[at++] = Int64GetDatum(cell.lines);
        values_[at] = BoolGetDatum(cell.lost);
    }

    static Datum text(std::string_view value) {
        return pg::protect([&] { return pg::text_datum(value); });
    }

    static Datum amount(const cells::Total& total) {
        if (total.fits()) {
            const Decimal value = total.value();
            return pg::protect([&] { return pg::numeric_datum(value); });
        }
        const std::string digits = total.digits();
        return pg::protect([&] {
            return DirectFunctionCall3(numeric_in, CStringGetDatum(digits.c_str()), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
        });
    }

    Datum order(const cells::Moment& moment) const {
        const auto text = [&](const std::optional<cells::Word>& word) { return word ? std::optional(words_.text(*word)) : std::nullopt; };
        const auto channel = text(moment.channel);
        const auto country = text(moment.country);
        return pg::protect([&] { return first_order(moment, channel, country); });
    }

    const Rollup& rollup_;
    const cells::Words& words_;
    Hll& hll_;
    std::size_t width_;
    std::vector<Datum> values_;
    std::unique_ptr<bool[]> nulls_;
    MemoryContext memory_;
};

void run(Kept& kept) {
    const int code = pg::protect([&] {
        if (kept.plan == nullptr) {
            const SPIPlanPtr plan = SPI_prepare(kept.sql.c_str(), 0, nullptr);
            if (plan == nullptr || SPI_keepplan(plan) != 0) {
                return SPI_result;
            }
            kept.plan = plan;
        }
        return SPI_execute_plan(kept.plan, nullptr, nullptr, false, 0);
    });
    if (code < 0) {
        throw Error(Code::internal, "cells could not be merged").detail(SPI_result_code_string(code));
    }
}

// ---- The pass ----

class Merge {
public:
    explicit Merge(Pass& pass) : pass_(pass), hll_(pass.hll_schema) {
        for (const Rollup& rollup : pass.rollups) {
            tables_.emplace_back(rollup.shape, cells::Purpose::merge);
        }
    }

    void add(HeapTuple row, TupleDesc columns) {
        reader_.read(row, columns);
        for (std::size_t i = 0; i < tables_.size(); ++i) {
            if (pass_.rollups[i].finer < 0) {
                tables_[i].add(reader_.line(), words_);
            }
        }
    }

    bool is_full() const {
        std::size_t bytes = words_.bytes();
        for (const cells::Table& table : tables_) {
            bytes += table.bytes();
        }
        return bytes > kMemory;
    }

    void write() {
        for (std::size_t i = 0; i < tables_.size(); ++i) {
            Rollup& rollup = pass_.rollups[i];
            if (rollup.finer >= 0) {
                tables_[i].add_cells_of(tables_[static_cast<std::size_t>(rollup.finer)]);
            }
        }
        for (std::size_t i = 0; i < tables_.size(); ++i) {
            tables_[i].finish(words_);
            put(pass_.rollups[i], tables_[i]);
            tables_[i].clear();
        }
        words_ = {};
    }

private:
    void put(Rollup& rollup, const cells::Table& table) {
        if (table.size() == 0) {
            return;
        }
        pg::Rows rows(rollup.cells.c_str(), cell_columns(rollup, hll_.type));
        const bool lost = CellWriter(rollup, words_, hll_).put(table, rows);
        rows.show();
        for (Kept& statement : rollup.statements) {
            run(statement);
        }
        if (lost && !rollup.lost.sql.empty()) {
            run(rollup.lost);
        }
    }

    Pass& pass_;
    Hll hll_;
    Reader reader_;
    cells::Words words_;
    std::vector<cells::Table> tables_;
};

// A snapshot of this moment while it lives; statements that only read run with it.
class FixedSnapshot {
public:
    FixedSnapshot() : exceptions_(std::uncaught_exceptions()) {
        pg::protect([] {
            GetTopTransactionId();  // before the snapshot, so that S counts it as running
            PushActiveSnapshot(GetTransactionSnapshot());
        });
    }
    ~FixedSnapshot() {
        if (std::uncaught_exceptions() == exceptions_) {
            PopActiveSnapshot();
        }
    }
    FixedSnapshot(const FixedSnapshot&) = delete;
    FixedSnapshot& operator=(const FixedSnapshot&) = delete;

private:
    int exceptions_;
};

std::int64_t read_lines(Pass& pass, Merge& merge, Datum newer, Datum running) {
    std::array<Oid, 2> types = {XID8OID, get_array_type(XID8OID)};
    std::array<Datum, 2> values = {newer, running};
    Portal const portal = pg::protect([&] {
        if (pass.plan == nullptr) {
            const SPIPlanPtr plan = SPI_prepare_cursor(pass.query.c_str(), 2, types.data(), CURSOR_OPT_GENERIC_PLAN);
            if (plan != nullptr && SPI_keepplan(plan) == 0) {
                pass.plan = plan;
            }
        }
        return SPI_cursor_open(nullptr, pass.plan, values.data(), nullptr, true);
    });
    std::int64_t lines = 0;
    for (;;) {
        pg::protect([&] { SPI_cursor_fetch(portal, true, kRowsAtOnce); });
        const auto fetched = SPI_processed;
        SPITupleTable* const table = SPI_tuptable;
        if (fetched == 0) {
            break;
        }
        for (std::uint64_t i = 0; i < fetched; ++i) {
            merge.add(table->vals[i], table->tupdesc);
        }
        SPI_freetuptable(table);
        lines += static_cast<std::int64_t>(fetched);
        if (merge.is_full()) {
            merge.write();
        }
    }
    pg::protect([&] { SPI_cursor_close(portal); });
    return lines;
}

Datum merge_cells(FunctionCallInfo fcinfo) {
    const std::string description(pg::protect([&] { return pg::text_view(PG_GETARG_DATUM(0)); }));
    const pg::Connection connection;
    Pass& pass = pass_from(description);
    Merge merge(pass);
    std::int64_t lines = 0;
    Datum seen = 0;
    {
        const FixedSnapshot snapshot;
        static pg::Statement kSeen("SELECT analytics.merging_snapshot()");
        const pg::Result result = kSeen.execute({}, pg::Access::read_only);
        const Datum found = *result[0].datum(1);
        seen = pg::protect([&] { return datumCopy(found, false, -1); });
        lines = read_lines(pass, merge, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2));
    }
    static constexpr std::array kMovedTypes = {Oid{PG_SNAPSHOTOID}, Oid{INT8OID}, Oid{TEXTARRAYOID}};
    static pg::Statement kMoved(
        "UPDATE analytics.rollup_state SET merged = $1, refreshed_at = clock_timestamp(), rows = $2 WHERE name = ANY ($3)", kMovedTypes);
    // first: a transaction whose snapshot is too old fails here
    kMoved.execute({seen, Int64GetDatum(lines), PG_GETARG_DATUM(3)});
    merge.write();
    return Int64GetDatum(lines);
}

}  // namespace
}  // namespace analytics::cell_pass

ANALYTICS_FUNCTION(analytics_merge_cells) { return analytics::cell_pass::merge_cells(fcinfo); }
