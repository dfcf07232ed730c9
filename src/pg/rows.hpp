// Rows made in C++ that SQL reads as a table: a tuplestore under a name, as triggers see their transition tables.
#pragma once

#include "core/error.hpp"

#include <string>

#include "pg/errors.hpp"
#include "pg/headers.hpp"

extern "C" {
#include "utils/queryenvironment.h"
}

namespace analytics::pg {

// While it lives, statements of the open Connection find its rows under its name. Its memory is the connection's.
class Rows {
public:
    Rows(const char* name, TupleDesc columns);
    ~Rows();
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;

    // Inside protect(): values are copied.
    void put(Datum* values, bool* nulls) {
        tuplestore_putvalues(store_, columns_, values, nulls);
        ++count_;
    }
    // Hands the rows to SQL; nothing is put from then on.
    void show();

    std::size_t count() const { return count_; }

private:
    const char* name_;
    TupleDesc columns_;
    Tuplestorestate* store_;
    std::size_t count_ = 0;
    bool shown_ = false;
    int exceptions_;
};

}  // namespace analytics::pg
