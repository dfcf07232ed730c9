// A pass over the lines that a target has not merged yet, as sql/functions/cell_pass.sql describes it (pass_of()): the
// query of the lines, what each rollup takes of them, and the statements that put cells into tables.
#pragma once

#include "core/cells/cells.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/spi.hpp"

namespace analytics::cell_pass {

// A statement that reads rows by name, kept for the life of the backend.
struct Kept {
    std::string sql;
    SPIPlanPtr plan = nullptr;
};

struct Rollup {
    std::string cells;  // the name under which statements find its cells
    cells::Shape shape;
    std::vector<std::string> columns;  // of its cells: keys, sums, counts, first and last moments
    int finer = -1;                    // the rollup of this pass whose cells it is made from
    std::vector<Kept> statements;
    Kept lost;  // run where cells have lost a key; empty: never
};

struct SessionPass {
    enum Column : std::size_t { kKey, kGap, kDevice, kCurrency, kPriced, kCartValue };

    std::vector<int> columns;  // of the query, by what they are
    Kept probe;                // reads merged sessions by the rows `probe`
    Kept gone;                 // those of the rows `changed` that are no session any more
    Kept known;                // those that have been one
    std::vector<Kept> writes;  // all of them
};

struct ProductPass {
    enum Column : std::size_t { kProduct, kKind, kProperties, kPrice, kCurrency, kStamp };

    std::vector<int> columns;  // of the query, by what they are
};

struct Pass {
    std::string query;
    std::vector<Rollup> rollups;         // finer ones first
    std::optional<SessionPass> session;  // where sessions can take part
    std::optional<ProductPass> product;
    std::string hll_schema;
    SPIPlanPtr plan = nullptr;  // of the query
};

// Runs it; needs an open pg::Connection.
pg::Result run(Kept& statement);

// Reads a description, once a backend: it comes as a constant of a function, and is the key under which what was read
// is kept.
Pass& pass_from(std::string_view description);

}  // namespace analytics::cell_pass
