// The refresh worker: merges what was committed, in one database. (States: README.md.)
//
// Its work is SQL: SELECT analytics.maintain(), again and again, each in a transaction of its own; when there is
// nothing left to do, once per analytics.refresh_interval. A step that finds nothing writes nothing.
//
// Its rights and settings are those of owner.hpp. A commit of the worker need not reach the disk before the next one:
// if a crash takes a merge back it takes P back with it, and the merge is done again.
//
// At the hour of analytics.models_at it has the nightly worker started (nightly_worker.hpp).
//
// An error in a step is logged and the step tried again, in a new transaction, after 1 s, then 2, 4, ... 60 s. The same
// error again is not logged again; success after errors is.
//
// Exits: 0 whenever it is not to come back by itself: told to stop, no extension, not the first worker here, no
// connection. Anything else is an accident, after which the launcher starts another one, or, where there is no
// launcher, the postmaster does.
#pragma once

#include "workers/headers.hpp"

namespace analytics::workers {

// Asks the postmaster for a refresh worker in the database; this process is told when it starts and stops. `restart`:
// seconds after which the postmaster is to replace one that failed, or BGW_NEVER_RESTART. Null: no worker slot is free.
BackgroundWorkerHandle* register_refresh_worker(Oid database, const char* database_name, int restart);

}  // namespace analytics::workers
