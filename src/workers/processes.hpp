// The workers that run, as PostgreSQL knows them: without shared memory of our own, so also where the library is not
// preloaded.
#pragma once

#include "workers/headers.hpp"

namespace analytics::workers {

inline constexpr const char* kLauncherType = "analytics launcher";
inline constexpr const char* kRefreshType = "analytics refresh";
inline constexpr const char* kNightlyType = "analytics nightly";

// Makes this process the refresh worker of its database, or, connected to none, the launcher. False: another one is.
// Held until the process ends. In a transaction. SQL sees seats in pg_locks: analytics.running_workers().
bool take_seat();

// The same for the nightly worker.
bool take_nightly_seat();

// The process that is the database's refresh worker; 0: none.
pid_t seat_holder(Oid database);

// Sends a signal to all our workers connected to the database (SIGTERM stops them, 0 does nothing), or wakes them;
// returns how many there were.
int signal_workers(Oid database, int signal);
void wake_workers(Oid database);

// Stops our workers in the database and waits until they are gone, so that it is free of them if nothing starts new
// ones. False if some are left after kStopSeconds. Interruptible.
inline constexpr int kStopSeconds = 10;
bool stop_workers(Oid database);

// Waits until something happens, at most this long. Returns at once when the postmaster has died.
void nap(long milliseconds);

}  // namespace analytics::workers
