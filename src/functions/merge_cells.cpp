// merge_cells(): reads what a pass has not merged, makes cells of it and has SQL put them into tables.
//
// All that is read is read with one snapshot, S, taken after the engine's lock; cells and P are written by later
// statements of the same transaction, so that they are seen together or not at all. Cells add: where they take too much
// memory they are written, and more follow. What stays in memory for the whole pass: a hash for each purchase (in a
// rollup by product or the like), which tells its second line from its first, and the keys of sessions that are left to
// SQL.

#include "core/cells/cells.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "functions/cell_pass.hpp"
#include "functions/cell_writer.hpp"
#include "functions/line_reader.hpp"
#include "functions/merge_cells.hpp"
#include "functions/product_writer.hpp"
#include "functions/session_writer.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/memory.hpp"
#include "pg/rows.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
}

namespace analytics::cell_pass {
namespace {

constexpr long kRowsAtOnce = 1000;

int memory_setting = 0;  // of cells, sessions, products and words, before they are written; kB

class Merge {
public:
    Merge(Pass& pass, bool with_sessions, bool with_products) : pass_(pass), hll_(pass.hll_schema), reader_(words_) {
        for (const Rollup& rollup : pass.rollups) {
            tables_.emplace_back(rollup.shape, words_);
        }
        if (with_sessions) {
            sessions_.emplace(*pass.session, words_);
        }
        if (with_products) {
            products_.emplace(*pass.product);
        }
    }
    Merge(const Merge&) = delete;
    Merge& operator=(const Merge&) = delete;

    void add(HeapTuple row, TupleDesc columns) {
        cells::Line& line = reader_.read(row, columns);
        for (std::size_t i = 0; i < tables_.size(); ++i) {
            if (pass_.rollups[i].finer < 0) {
                tables_[i].add(line);
            }
        }
        if (sessions_) {
            sessions_->add(line);
        }
        if (products_) {
            products_->add(line);
        }
    }

    bool is_full() const {
        std::size_t bytes =
            words_.bytes() + (sessions_ ? sessions_->bytes() : 0) + (products_ ? products_->bytes() : 0);
        for (const cells::Table& table : tables_) {
            bytes += table.bytes();
        }
        return bytes > (static_cast<std::size_t>(memory_setting) << 10);
    }

    // last: nothing more is added.
    void write(bool last) {
        for (std::size_t i = 0; i < tables_.size(); ++i) {
            if (const int finer = pass_.rollups[i].finer; finer >= 0) {
                tables_[i].add_cells_of(tables_[static_cast<std::size_t>(finer)]);
            }
        }
        for (std::size_t i = 0; i < tables_.size(); ++i) {
            tables_[i].finish();
            put(pass_.rollups[i], tables_[i]);
            tables_[i].clear();
        }
        if (sessions_) {
            sessions_->write(last);
        }
        if (products_ && !last) {
            products_->write();
        }
        words_ = {};
        reader_.forget();
    }

    // The sessions before and after, where they take part.
    std::optional<std::int64_t> finish_sessions(Datum merged, Datum seen) {
        return sessions_ ? std::optional(sessions_->finish(merged, seen)) : std::nullopt;
    }

    void finish_products(Datum seen) {
        if (products_) {
            products_->finish(seen);
        }
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
    cells::Words words_;
    LineReader reader_;
    std::vector<cells::Table> tables_;
    std::optional<SessionWriter> sessions_;
    std::optional<ProductWriter> products_;
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

// Moves P, before anything is written: a transaction whose snapshot is too old fails here, with 40001, and nowhere
// else.
void move_merged(Datum names, Datum seen, std::int64_t lines) {
    static constexpr std::array kTypes = {Oid{PG_SNAPSHOTOID}, Oid{INT8OID}, Oid{TEXTARRAYOID}};
    static pg::Statement kMoved(
        "UPDATE analytics.rollup_state SET merged = $1, refreshed_at = clock_timestamp(), rows = $2 WHERE name = ANY "
        "($3) AND name <> 'product'",
        kTypes);
    kMoved.execute({seen, Int64GetDatum(lines), names});
}

// before_write: called before a portion is written.
template <typename BeforeWrite>
void read_lines(Pass& pass, Merge& merge, Datum newer, Datum running, std::int64_t& lines, BeforeWrite&& before_write) {
    std::array<Oid, 2> types = {XID8OID, pg::protect([] { return get_array_type(XID8OID); })};
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
    pg::Memory memory("analytics line");
    for (;;) {
        pg::protect([&] { SPI_cursor_fetch(portal, true, kRowsAtOnce); });
        const auto fetched = SPI_processed;
        SPITupleTable* const table = SPI_tuptable;
        for (std::uint64_t i = 0; i < fetched; ++i) {
            memory.inside([&] { merge.add(table->vals[i], table->tupdesc); });
        }
        SPI_freetuptable(table);
        if (fetched == 0) {
            break;
        }
        lines += static_cast<std::int64_t>(fetched);
        if (merge.is_full()) {
            before_write();
            merge.write(false);
        }
    }
    pg::protect([&] { SPI_cursor_close(portal); });
}

// Whether the P of this target moves along.
bool names_target(Datum names, std::string_view target) {
    return pg::protect([&] {
        Datum* elements = nullptr;
        int count = 0;
        deconstruct_array(DatumGetArrayTypeP(names), TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
        return std::any_of(elements, elements + count, [&](Datum name) { return pg::text_view(name) == target; });
    });
}

Datum copy(Datum varlena) {
    return pg::protect([&] { return datumCopy(varlena, false, -1); });
}

Datum merge_cells(FunctionCallInfo fcinfo) {
    const std::string description(pg::protect([&] { return pg::text_view(PG_GETARG_DATUM(0)); }));
    const Datum names = PG_GETARG_DATUM(3);
    const pg::Connection connection;
    Pass& pass = pass_from(description);
    Merge merge(pass, pass.session && names_target(names, "session"), pass.product && names_target(names, "product"));
    std::int64_t lines = 0;
    static pg::Statement kMerged("SELECT merged FROM analytics.rollup_state WHERE name = 'session'");
    const pg::Result state = kMerged.execute();
    Datum seen = 0;
    {
        const FixedSnapshot snapshot;
        static pg::Statement kSeen("SELECT analytics.merging_snapshot()");
        seen = copy(*kSeen.execute({}, pg::Access::read_only)[0].datum(1));
        bool has_moved = false;
        read_lines(pass, merge, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), lines, [&] {
            if (!std::exchange(has_moved, true)) {
                move_merged(names, seen, lines);
            }
        });
    }
    move_merged(names, seen, lines);
    merge.write(true);
    const auto changed = merge.finish_sessions(state.size() == 0 ? Datum{0} : *state[0].datum(1), seen);
    if (changed) {
        static constexpr std::array kChangedTypes = {Oid{INT8OID}};
        static pg::Statement kChanged("UPDATE analytics.rollup_state SET rows = $1 WHERE name = 'session'",
                                      kChangedTypes);
        kChanged.execute({Int64GetDatum(*changed)});
    }
    merge.finish_products(seen);
    return Int64GetDatum(lines);
}

}  // namespace

void define_memory_setting() {
    // for tests, which have to see a merge in many portions: it changes no figure, and nobody needs to know it
    DefineCustomIntVariable("analytics.merge_memory", "Memory that a merge fills with cells before it writes them.",
                            nullptr, &memory_setting, 256 << 10, 64, 64 << 20, PGC_SUSET,
                            GUC_UNIT_KB | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr, nullptr,
                            nullptr);
}

}  // namespace analytics::cell_pass

ANALYTICS_FUNCTION(analytics_merge_cells) { return analytics::cell_pass::merge_cells(fcinfo); }
