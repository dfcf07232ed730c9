// Rows of a pass's query as lines of the core.
#pragma once

#include "core/cells/line.hpp"

#include <memory>
#include <vector>

#include "pg/headers.hpp"

namespace analytics::cell_pass {

class LineReader {
public:
    explicit LineReader(cells::Words& words) : line_(words) {}

    // The line's texts lie in the row, or, where they were stored compressed or elsewhere, in CurrentMemoryContext. Of
    // a JSON document the text is how it is stored, header included, compressed or elsewhere as it may be.
    cells::Line& read(HeapTuple row, TupleDesc columns);
    // The words are numbered anew.
    void forget() { line_.forget(); }

private:
    cells::Line line_;
    std::vector<Datum> datums_;
    std::unique_ptr<bool[]> nulls_;
};

}  // namespace analytics::cell_pass
