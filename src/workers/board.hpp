// The board: what the launcher, the workers and the backends tell each other about databases.
//
// Shared memory, there only when the library is preloaded. It holds an entry for a database about which something is
// noted, and nothing of what can be seen elsewhere: which workers run, PostgreSQL knows (workers/processes.hpp). It
// begins empty with every start of the server, also with the restart after a crash. One LWLock guards it, held for a
// linear search at most, and never while anything else is locked.
#pragma once

#include <cstdint>

#include "workers/headers.hpp"

namespace analytics::workers::board {

// What was last said of a database's worker, mostly by itself.
enum class Word : std::uint8_t {
    none,
    serving,       // it found the extension and is the database's only worker
    no_extension,  // it left: nothing to do there
    occupied,      // it left: another worker was there before
    told_to_stop,  // it left: SIGTERM
    failed,        // it left for any other reason
    no_slot,       // the launcher says: it could not be started
};

// Reserves the memory. Only while shared_preload_libraries are loaded.
void reserve();

// Whether there is a board. Without one the following do nothing, and answer false or none.
bool exists();

Word word(Oid database);
Word take_word(Oid database);

// Also wakes the launcher.
void leave_word(Oid database, Word word);

// ---- the launcher ----

// This process is the launcher from now on, until it ends.
void announce_launcher();

// Takes down the request for a look: what was committed before is seen by a worker started after.
bool take_look(Oid database);

// Nothing is to be known any more of a database that was dropped.
void forget(Oid database);

// ---- backends ----

void wake_launcher();

// Asks the launcher to find out anew whether the database has the extension, and wakes it. Lost when the board is full:
// the launcher looks again by itself some time.
void request_look(Oid database);

// Whether the launcher is to leave the database alone. False: the board is full.
bool set_stopped(Oid database, bool stopped);
bool stopped(Oid database);

bool launcher_runs();

}  // namespace analytics::workers::board
