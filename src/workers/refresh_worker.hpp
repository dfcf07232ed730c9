// The refresh worker: merges what was committed, in one database. (States: README.md.)
//
// Its work is SQL: SELECT analytics.maintain(), again and again, each in a transaction of its own; when there is
// nothing left to do, once per analytics.refresh_interval. A step that finds nothing writes nothing.
//
// Rights. It connects as the bootstrap superuser: the extension's owner need not be able to log in, and who that is, is
// known only inside the database. But no statement runs as that superuser: functions and tables of the extension
// belong to its owner, who may replace them or hang triggers on them, so each step runs as the owner, in a
// security-restricted operation (as VACUUM runs index expressions): no SET ROLE back, no deferred trigger or cursor
// that would outlive the step. Settings that a step makes end with it.
//
// Settings of the database or of the superuser (ALTER DATABASE ... SET) may not break it: those that could are set by
// itself. A commit of the worker need not reach the disk before the next one: if a crash takes a merge back it takes P
// back with it, and the merge is done again.
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

// An extension of the name analytics in this database, locked against being dropped until the transaction ends.
struct Installation {
    Oid owner = InvalidOid;
    bool committed = false;  // by another transaction than this one

    bool found() const { return OidIsValid(owner); }
};
Installation find_installation();

}  // namespace analytics::workers
