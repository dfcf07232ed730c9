// The launcher: keeps a refresh worker in every database that has the extension. (States: README.md.)
//
// Which databases have it can only be seen from inside. So the launcher starts the refresh worker itself everywhere;
// one that finds no extension says so on the board and leaves, and the launcher remembers. A short-lived process that
// only looks would do the same work, and then the worker would have to start and look again, since the extension may
// have gone in between.
//
// It looks again when a backend says so (workers/utility_hook.hpp: CREATE EXTENSION has committed), otherwise once per
// hour, for what no hook saw (a transaction that was prepared). Of databases themselves it reads the list: when woken
// (CREATE, ALTER DATABASE), else once per minute. None of this writes.
//
// On a hot standby it keeps the HTTP gateway, and nothing else, until the promotion.
//
// Databases are told apart by oid: one of the same name may come back. At most two workers that have not said a word
// yet are under way, so that looking around does not use up the worker slots.
//
// A worker is not started while another transaction holds a lock that would make it wait on connecting: that is
// somebody who drops, renames, moves or copies the database.
//
// What it knows is its own memory. If it fails, the postmaster starts it again; workers that still run keep their seat,
// and those it starts beside them leave.
#pragma once

#include "workers/headers.hpp"

namespace analytics::workers {

// Only while shared_preload_libraries are loaded.
void register_launcher();

// Whether the launcher serves the database of this process, given the settings.
bool is_current_database_served();

}  // namespace analytics::workers
