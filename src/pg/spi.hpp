// SQL from C++: a connection, statements whose plans are kept for the life of the backend, and their rows.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "pg/datum.hpp"
#include "pg/errors.hpp"
#include "pg/headers.hpp"

namespace analytics::pg {

// SPI for a scope. While it is open CurrentMemoryContext is its own, freed at its end: results that outlive it are
// copied to the caller's. When an exception ends the scope the connection is left to PostgreSQL, which drops it as it
// rolls the (sub)transaction back.
class Connection {
public:
    Connection();
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

private:
    int exceptions_;
};

struct Parameter {
    Datum value = 0;
    bool null = true;

    constexpr Parameter() = default;
    constexpr Parameter(Datum datum) : value(datum), null(false) {}  // NOLINT: a datum is a parameter
};

// One row of a result; valid while its Result lives. Columns are counted from 1.
class Row {
public:
    Row(HeapTuple tuple, TupleDesc columns) : tuple_(tuple), columns_(columns) {}

    bool is_null(int column) const { return !datum(column); }
    std::optional<Datum> datum(int column) const;
    // The following take columns that hold no null.
    std::string_view text(int column) const;
    std::int32_t int4(int column) const { return DatumGetInt32(value(column)); }
    std::int64_t int8(int column) const { return DatumGetInt64(value(column)); }
    bool boolean(int column) const { return DatumGetBool(value(column)); }
    TimestampTz timestamp(int column) const { return DatumGetTimestampTz(value(column)); }
    // These take any.
    std::optional<std::string_view> optional_text(int column) const;
    std::optional<TimestampTz> optional_timestamp(int column) const;

    HeapTuple tuple() const { return tuple_; }
    TupleDesc columns() const { return columns_; }

private:
    Datum value(int column) const;

    HeapTuple tuple_;
    TupleDesc columns_;
};

class Result {
public:
    Result(SPITupleTable* table, std::uint64_t processed) : table_(table), processed_(processed) {}
    ~Result();
    Result(Result&& other) noexcept : table_(other.table_), processed_(other.processed_) { other.table_ = nullptr; }
    Result(const Result&) = delete;
    Result& operator=(const Result&) = delete;
    Result& operator=(Result&&) = delete;

    // Rows returned, or affected where none are returned.
    std::uint64_t processed() const { return processed_; }
    std::uint64_t size() const { return table_ == nullptr ? 0 : table_->numvals; }
    Row operator[](std::uint64_t row) const {
        if (row >= size()) [[unlikely]] {
            no_such_row();
        }
        return {table_->vals[row], table_->tupdesc};
    }

private:
    [[noreturn]] static void no_such_row();

    SPITupleTable* table_;
    std::uint64_t processed_;
};

enum class Access {
    write,      // a fresh snapshot, that sees what this transaction did so far
    read_only,  // the caller's snapshot; fit for read-only transactions and standbys
};

// How a statement finds its rows.
enum class Search {
    any,       // as the planner thinks best
    by_index,  // by index, row by row: right for a handful of keys in a large table whatever the statistics say
};

// A statement with $1, $2, ... of the given types. Make it static: the plan is prepared at first use and kept until the
// backend ends; PostgreSQL plans it again when what it uses changes. The plan is generic: its cost does not depend on
// what one call happens to bring.
class Statement {
public:
    constexpr Statement(const char* sql, std::span<const Oid> types, Search search = Search::any)
        : sql_(sql), types_(types), search_(search) {}
    constexpr explicit Statement(const char* sql) : sql_(sql) {}

    // Needs an open Connection.
    Result execute(std::initializer_list<Parameter> parameters = {}, Access access = Access::write);
    // Gives each row of a result that may be larger than memory; it is valid during the call.
    void stream(std::initializer_list<Parameter> parameters, Access access,
                const std::function<void(const Row&)>& take);

private:
    void prepare(std::size_t parameters);

    const char* sql_;
    std::span<const Oid> types_;
    Search search_ = Search::any;
    SPIPlanPtr plan_ = nullptr;
};

}  // namespace analytics::pg
