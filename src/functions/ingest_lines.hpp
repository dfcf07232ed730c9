// Lines that stand in event, read as they are stored: to be taken back, or to say what an order has.
#pragma once

#include "core/event.hpp"
#include "functions/ingest_identity.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pg/spi.hpp"

namespace analytics::ingest {

// The version whose lines are wanted: what stands under a name.
struct StandingVersion {
    KeyName name;
    const StandingKey* key;
};

// The lines of some versions, by the place of each version, in order of line. Rows hold every column of event, by name.
class StandingLines {
public:
    // One statement, with a snapshot of its own where the access is write. Needs an open pg::Connection. Its cost is
    // that of the lines that share store and time with a version wanted, each read once. 40001 where the access is
    // write and lines have left the transaction's fixed snapshot.
    StandingLines(std::span<const StandingVersion> versions, pg::Access access);

    std::size_t count(std::size_t version) const { return first_[version + 1] - first_[version]; }
    pg::Row row(std::size_t version, std::size_t line) const { return (*rows_)[order_[first_[version] + line]]; }
    // The partition that holds the row.
    static Oid partition(const pg::Row& row);

private:
    void arrange(std::span<const StandingVersion> versions);
    void require_all(std::span<const StandingVersion> versions) const;

    std::optional<pg::Result> rows_;
    std::vector<std::uint64_t> order_;  // rows, by version and line
    std::vector<std::size_t> first_;    // where each version begins in order_, and the end
};

}  // namespace analytics::ingest
