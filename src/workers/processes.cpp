#include "workers/processes.hpp"

#include <csignal>
#include <cstdint>
#include <string_view>

#include "workers/http_launch.hpp"

namespace analytics::workers {
namespace {

// The seat is a lock on an object that does not exist. Held for the session as advisory locks are (an error lets go of
// all others, and a process that ends outside a transaction leaves them behind), but none that SQL could take: anybody
// might, and so keep the worker away.
enum Seat : std::uint16_t { refresh_seat = 1, gateway_seat = 3, nightly_seat = 4 };  // (2: control.cpp)

LOCKTAG seat_of(Oid database, Seat seat) {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, database, ExtensionRelationId, InvalidOid, seat);
    tag.locktag_lockmethodid = USER_LOCKMETHOD;
    return tag;
}

bool take(const LOCKTAG& tag) { return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL; }

pid_t holder_of(const LOCKTAG& tag) {
    const LockData* const locks = GetLockStatusData();
    for (int i = 0; i < locks->nelements; ++i) {
        const LockInstanceData& lock = locks->locks[i];
        if (memcmp(&lock.locktag, &tag, sizeof tag) == 0 && (lock.holdMask & LOCKBIT_ON(ExclusiveLock)) != 0) {
            return lock.pid;
        }
    }
    return 0;
}

bool is_ours(pid_t pid) {
    const char* const type = GetBackgroundWorkerTypeByPid(pid);
    return type != nullptr && std::string_view(type).starts_with("analytics ");
}

// All processes connected to the database. A process enters itself before it lets go of the lock on the database that
// it took to connect: whoever holds a lock against that one sees them all.
template <typename Action>
int for_each_worker(Oid database, Action&& action) {
    int found = 0;
    for (std::uint32_t i = 0; i < ProcGlobal->allProcCount; ++i) {
        PGPROC* const process = &ProcGlobal->allProcs[i];
        const pid_t pid = process->pid;
        if (pid != 0 && pid != MyProcPid && process->databaseId == database && is_ours(pid)) {
            action(process, pid);
            ++found;
        }
    }
    return found;
}

}  // namespace

bool take_seat() { return take(seat_of(MyDatabaseId, refresh_seat)); }

bool take_nightly_seat() { return take(seat_of(MyDatabaseId, nightly_seat)); }

pid_t seat_holder(Oid database) { return holder_of(seat_of(database, refresh_seat)); }

bool take_gateway_seat(Oid database) { return take(seat_of(database, gateway_seat)); }

pid_t gateway_of(Oid database) { return holder_of(seat_of(database, gateway_seat)); }

int signal_workers(Oid database, int signal) {
    return for_each_worker(database, [signal](PGPROC*, pid_t pid) { kill(pid, signal); });
}

void wake_workers(Oid database) {
    for_each_worker(database, [](PGPROC* process, pid_t) { SetLatch(&process->procLatch); });
}

bool stop_workers(Oid database) {
    const TimestampTz start = GetCurrentTimestamp();
    // a worker that was already asked is not disturbed by being asked again
    while (signal_workers(database, SIGTERM) > 0) {
        if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), kStopSeconds * 1000)) {
            return false;
        }
        nap(10);
    }
    return true;
}

void nap(long milliseconds) {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

}  // namespace analytics::workers
