// When the gateway runs, and for which database. Used by the launcher, by start_workers() and by stop_workers().
#pragma once

#include "workers/headers.hpp"

namespace analytics::workers {

// What a gateway is made for.
struct HttpTarget {
    Oid database = InvalidOid;
    Oid role = InvalidOid;  // that executors log in as

    bool wanted() const { return OidIsValid(database) && OidIsValid(role); }
    bool operator==(const HttpTarget& other) const { return database == other.database && role == other.role; }
};

// In a transaction. The role of analytics.http_authenticator, if there is one that may log in.
Oid find_authenticator();

// Null: no worker slot is free. `restart`: as of register_refresh_worker().
BackgroundWorkerHandle* register_gateway(const HttpTarget& target, int restart);

// The gateway's seat, by the database it serves (processes.hpp says what a seat is). gateway_of(): 0: there is none.
bool take_gateway_seat(Oid database);
pid_t gateway_of(Oid database);

// Asks it to stop and waits until it has. False: it did not in time.
bool stop_gateway(Oid database);

}  // namespace analytics::workers
