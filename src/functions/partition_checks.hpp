// The CHECK constraints of the partitions that are written to, read once a backend.
//
// PostgreSQL reads them anew, from the text they are stored as, for each statement that writes: of a call that stores
// one event that would be half the cost. Here the trees are kept, planned, until the partition or any function changes;
// each call makes its own executable form of them.
#pragma once

#include <cstdint>

#include "pg/headers.hpp"

namespace analytics::ingest {

// Gives a result relation that is open for writing its checks, made in the executor's memory. Runs inside protect().
void prepare_checks(ResultRelInfo* relation, EState* executor);

}  // namespace analytics::ingest
