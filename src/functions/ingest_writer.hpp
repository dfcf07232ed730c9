// Writes lines of events straight into the partitions of analytics.event, as COPY would: buffered, many rows to a page.
//
// What an INSERT into the parent would do is done here too: routing, defaults, generated columns, CHECK and NOT NULL,
// row triggers, indexes. Left out on purpose are the parent's statement triggers: they check and claim what others
// write directly, and ingest has done both.
//
// The parent and the partitions written to stay locked (ROW EXCLUSIVE) until the transaction ends, as after any INSERT.
// After an error nothing needs to be closed: PostgreSQL does so as it rolls back.
#pragma once

#include "core/event.hpp"

#include <cstdint>
#include <span>
#include <vector>

#include "pg/headers.hpp"

namespace analytics::ingest {

// Locks event and its default partition for writing. Whoever attaches or drops a partition locks one of them against
// it; taken before any key is claimed, the lock keeps the two from waiting for each other.
void lock_event();

// A line to be written with sign +1.
struct NewLine {
    const Event* event;
    const EventLine* line;
    std::int32_t revision;
};

// A row of event, read with every column, to be written again with sign -1 into the partition that holds it.
struct TakenBackLine {
    Oid partition;
    HeapTuple row;
    TupleDesc columns;
};

struct WriterState;

class EventWriter {
public:
    EventWriter();
    EventWriter(const EventWriter&) = delete;
    EventWriter& operator=(const EventWriter&) = delete;

    // Lines of one event must be next to each other. They are written by partition, and there in order of time.
    void write(std::span<const NewLine> lines);
    // Rows of one partition had better be next to each other.
    void take_back(std::span<const TakenBackLine> rows);
    // Fires what triggers are due and closes. No row may be written afterwards.
    void finish();

private:
    WriterState* state_;  // in memory of the call: plain data, with everything that PostgreSQL's part needs
};

}  // namespace analytics::ingest
