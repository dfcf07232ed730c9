// Differences between PostgreSQL 15 and 18 that the shell meets, each in one place.
#pragma once

#include "pg/headers.hpp"

extern "C" {
#include "storage/latch.h"
}

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "PostgreSQL 15 to 18 is required"
#endif

namespace analytics::pg::compat {

// Index entries of a row just inserted; all indexes, also those that only summarise (16 and later).
inline List* insert_index_tuples(ResultRelInfo* relation, TupleTableSlot* slot, EState* state) {
#if PG_VERSION_NUM >= 160000
    return ExecInsertIndexTuples(relation, slot, state, false, false, nullptr, NIL, false);
#else
    return ExecInsertIndexTuples(relation, slot, state, false, false, nullptr, NIL);
#endif
}

// Where a result relation keeps its compiled CHECK constraints, one for each in its tuple descriptor; null where that
// is PostgreSQL's own affair (18: some may not be enforced, and columns may be virtual).
inline ExprState*** compiled_checks([[maybe_unused]] ResultRelInfo* relation) {
#if PG_VERSION_NUM >= 180000
    return nullptr;
#else
    return &relation->ri_ConstraintExprs;
#endif
}

// What to wait for, until the process ends.
inline WaitEventSet* make_wait_event_set(int events) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, events);  // no resource owner's
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

}  // namespace analytics::pg::compat
