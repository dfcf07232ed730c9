// Cells of the core as rows that SQL reads.
#pragma once

#include "core/cells/cells.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "functions/cell_pass.hpp"
#include "pg/headers.hpp"
#include "pg/memory.hpp"
#include "pg/rows.hpp"

namespace analytics::cell_pass {

// hll's type and union, where the extension stands.
struct Hll {
    Oid type = InvalidOid;
    FmgrInfo unite{};

    explicit Hll(const std::string& schema);
};

// The columns of a rollup's cells: store_id, bucket, its own, lines, lost.
TupleDesc cell_columns(const Rollup& rollup, Oid hll);

// Outside of protect(), in CurrentMemoryContext.
Datum amount_datum(const cells::Total& total);

class CellWriter {
public:
    CellWriter(const Rollup& rollup, const cells::Words& words, Hll& hll);

    // Puts a table's cells; returns whether one of them has lost a key.
    bool put(const cells::Table& table, pg::Rows& rows);

private:
    void put_cell(const cells::Table& table, std::size_t place);
    Datum first_order_of(const cells::Moment& moment) const;

    const Rollup& rollup_;
    const cells::Words& words_;
    Hll& hll_;
    std::size_t width_;
    std::vector<Datum> values_;
    std::unique_ptr<bool[]> nulls_;
    pg::Memory memory_{"analytics cell"};
};

}  // namespace analytics::cell_pass
