// Lines that stand in event, read as they are stored: to be taken back, or to say what an order has.
#pragma once

#include "core/event.hpp"
#include "functions/ingest_identity.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
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
    // One statement, with a snapshot of its own where the access is write. Needs an open pg::Connection.
    StandingLines(std::span<const StandingVersion> versions, pg::Access access);

    std::size_t count(std::size_t version) const { return first_[version + 1] - first_[version]; }
    pg::Row row(std::size_t version, std::size_t line) const { return (*rows_)[first_[version] + line]; }
    // The partition that holds the row.
    static Oid partition(const pg::Row& row);

private:
    std::optional<pg::Result> rows_;
    std::vector<std::size_t> first_;  // first row of each version, and the end
};

}  // namespace analytics::ingest
