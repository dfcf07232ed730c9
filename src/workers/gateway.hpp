// The gateway: owns the sockets of the HTTP server and hands requests to executors (service.hpp has what it does).
//
// One thread, one loop: it waits for its latch and for the sockets' epoll descriptor at once, and then does everything
// that can be done without waiting. It runs no SQL and holds no snapshot; it is connected to no database, only to the
// shared catalogs, so that pg_stat_activity shows it.
//
// SIGHUP: settings are read again. SIGTERM: it takes no more connections, lets what it accepted finish for 3 s, cancels
// the rest and leaves, with exit code 0. So does a second gateway of the database, and one whose database is gone.
#pragma once

#include "workers/headers.hpp"

namespace analytics::workers {

inline constexpr const char* kGatewayType = "analytics gateway";

}  // namespace analytics::workers
