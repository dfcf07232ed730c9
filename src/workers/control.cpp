// start_workers() and stop_workers(): workers of the current database, by hand.
//
// Where the library is preloaded they tell the launcher; stop_workers() holds until start_workers() or the server's
// next start. Elsewhere start_workers() asks the postmaster for the worker itself, which then stays until
// stop_workers() or the server's end; it comes back by itself after a crash. Neither waits for the end of the calling
// transaction.

#include <string>

#include "pg/guard.hpp"
#include "workers/board.hpp"
#include "workers/headers.hpp"
#include "workers/http_launch.hpp"
#include "workers/http_settings.hpp"
#include "workers/launcher.hpp"
#include "workers/owner.hpp"
#include "workers/processes.hpp"
#include "workers/refresh_worker.hpp"

namespace analytics::workers {
namespace {

constexpr int kRestartSeconds = 5;
constexpr int kStartSeconds = 10;

// Calls of several sessions take effect one after the other. A lock as the seat's (processes.cpp), of this call only.
LOCKTAG turnstile() {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, InvalidOid, 2);
    return tag;
}

template <typename Call>
int one_at_a_time(Call&& call) {
    const LOCKTAG tag = turnstile();
    LockAcquire(&tag, ExclusiveLock, false, false);
    const int result = call();
    LockRelease(&tag, ExclusiveLock, false);  // after an error the transaction's end does it
    return result;
}

[[noreturn]] void raise_shortage() {
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("no background worker slot is free"),
                    errhint("Raise max_worker_processes (now %d).", max_worker_processes)));
    pg_unreachable();
}

void check_startable() {
    if (RecoveryInProgress()) {
        ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("a standby has no workers"),
                        errhint("Its views are right as they are; start workers on the primary.")));
    }
    const Installation installation = find_installation();
    if (installation.found() && !installation.committed) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("workers cannot see the extension before it is committed"),
                        errhint("Commit, then call start_workers().")));
    }
    if (board::exists() && !is_current_database_served()) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the launcher does not serve database \"%s\"", get_database_name(MyDatabaseId)),
                        errdetail("Templates, databases that allow no connections and those that analytics.databases "
                                  "leaves out have no workers."),
                        errhint("Add the database to analytics.databases and reload the configuration.")));
    }
    if (board::exists() && !board::launcher_runs()) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the launcher does not run"),
                        errhint("See the server log; max_worker_processes (now %d) may leave it no slot.",
                                max_worker_processes)));
    }
}

// Until there is a worker. has_failed() tells that there will be none.
template <typename HasFailed>
void wait_for_worker(HasFailed&& has_failed) {
    const TimestampTz start = GetCurrentTimestamp();
    while (seat_holder(MyDatabaseId) == 0) {
        if (has_failed() || TimestampDifferenceExceeds(start, GetCurrentTimestamp(), kStartSeconds * 1000)) {
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("the refresh worker did not start"), errhint("The server log says why.")));
        }
        nap(10);
    }
}

// The gateway, where HTTP is to serve this database: beside the refresh worker, whose failure would be another matter.
int start_gateway() {
    HttpTarget target;
    if (http_port() > 0 &&
        (*http_database() == '\0' || strcmp(http_database(), get_database_name(MyDatabaseId)) == 0)) {
        target = {MyDatabaseId, find_authenticator()};
    }
    if (!target.wanted() || gateway_of(MyDatabaseId) != 0) {
        return 0;
    }
    if (register_gateway(target, kRestartSeconds) == nullptr) {
        raise_shortage();
    }
    return 1;
}

int start_by_launcher() {
    const bool runs = seat_holder(MyDatabaseId) != 0;
    board::set_stopped(MyDatabaseId, false);
    if (runs) {
        return 0;
    }
    board::take_word(MyDatabaseId);
    board::request_look(MyDatabaseId);
    wait_for_worker([] {
        if (board::word(MyDatabaseId) == board::Word::no_slot) {
            raise_shortage();
        }
        return false;
    });
    return 1;
}

int start_by_postmaster() {
    if (seat_holder(MyDatabaseId) != 0) {
        return start_gateway();
    }
    BackgroundWorkerHandle* const worker =
        register_refresh_worker(MyDatabaseId, get_database_name(MyDatabaseId), kRestartSeconds);
    if (worker == nullptr) {
        raise_shortage();
    }
    wait_for_worker([worker] {
        pid_t pid = 0;
        const BgwHandleStatus status = GetBackgroundWorkerPid(worker, &pid);
        return status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED;
    });
    return 1 + start_gateway();
}

int start() {
    check_startable();
    return one_at_a_time(board::exists() ? start_by_launcher : start_by_postmaster);
}

int stop() {
    if (RecoveryInProgress()) {
        return 0;
    }
    return one_at_a_time([] {
        // counted first: the launcher, once it reads the board, stops them too
        const int found = signal_workers(MyDatabaseId, 0) + (gateway_of(MyDatabaseId) != 0 ? 1 : 0);
        if (board::exists() && !board::set_stopped(MyDatabaseId, true)) {
            ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many databases have stopped workers"),
                            errhint("List the databases that are to have workers in analytics.databases.")));
        }
        // the gateway first: it would start new executors
        if (!stop_gateway(MyDatabaseId) || !stop_workers(MyDatabaseId)) {
            ereport(ERROR,
                    (errcode(ERRCODE_OBJECT_IN_USE), errmsg("a worker did not stop within %d seconds", kStopSeconds),
                     errhint("It was told to, and leaves as soon as it can; see pg_stat_activity.")));
        }
        return found;
    });
}

}  // namespace
}  // namespace analytics::workers

ANALYTICS_FUNCTION(analytics_start_workers) {
    return Int32GetDatum(analytics::pg::protect([] { return analytics::workers::start(); }));
}

ANALYTICS_FUNCTION(analytics_stop_workers) {
    return Int32GetDatum(analytics::pg::protect([] { return analytics::workers::stop(); }));
}
