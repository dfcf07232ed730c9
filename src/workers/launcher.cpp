#include "workers/launcher.hpp"

#include <algorithm>

#include "pg/guard.hpp"
#include "workers/board.hpp"
#include "workers/http_launch.hpp"
#include "workers/http_settings.hpp"
#include "workers/processes.hpp"
#include "workers/refresh_worker.hpp"
#include "workers/settings.hpp"
#include "workers/utility_hook.hpp"

// Nothing in this file owns a destructor: errors may pass as PostgreSQL raises
// them.

namespace analytics::workers {
namespace {

constexpr int kRestartSeconds = 5;  // of the launcher itself
constexpr long kSecond = 1000;
constexpr long kMinute = 60 * kSecond;
constexpr long kHour = 60 * kMinute;
constexpr long kSlotRetry = 10 * kSecond;
constexpr long kStandbyPause = 5 * kSecond;  // after which a promotion is seen at the latest
constexpr int kUnknownAtOnce = 2;

// A database, as long as it exists. Allocated in TopMemoryContext.
struct Database {
    Oid oid;
    NameData name;
    bool present;  // in pg_database, now
    bool connectable;
    bool served;
    BackgroundWorkerHandle* worker;  // null: none was started, or it is over
    TimestampTz started;
    TimestampTz due;  // without a worker: when to start one
    int failures;     // in a row
    bool short_of_slots;
};

List* databases = NIL;
bool shortage_said = false;
bool missing_said = false;

Database* find_or_add(Oid oid) {
    ListCell* cell = nullptr;
    foreach (cell, databases) {
        auto* const database = static_cast<Database*>(lfirst(cell));
        if (database->oid == oid) {
            return database;
        }
    }
    MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
    auto* const database = static_cast<Database*>(palloc0(sizeof(Database)));
    database->oid = oid;
    databases = lappend(databases, database);
    MemoryContextSwitchTo(caller);
    return database;
}

void forget(Database* database) {
    board::forget(database->oid);
    databases = list_delete_ptr(databases, database);
    if (database->worker != nullptr) {
        pfree(database->worker);
    }
    pfree(database);
}

bool is_listed(const char* name, List* listed) {
    ListCell* cell = nullptr;
    foreach (cell, listed) {
        if (strcmp(static_cast<const char*>(lfirst(cell)), name) == 0) {
            return true;
        }
    }
    return listed == NIL;
}

bool can_have_workers(Form_pg_database database) {
    return database->datallowconn && !database->datistemplate && !database_is_invalid_form(database);
}

// A name in analytics.databases that fits nothing is most likely a mistake.
void say_missing(List* listed) {
    ListCell* cell = nullptr;
    foreach (cell, listed) {
        const auto* const name = static_cast<const char*>(lfirst(cell));
        if (!OidIsValid(get_database_oid(name, true))) {
            ereport(WARNING, (errcode(ERRCODE_UNDEFINED_DATABASE),
                              errmsg("database \"%s\" in analytics.databases does not exist", name)));
        }
    }
}

void read_databases() {
    List* const listed = listed_databases();
    Relation const catalog = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc const scan = table_beginscan_catalog(catalog, 0, nullptr);
    while (HeapTuple const row = heap_getnext(scan, ForwardScanDirection)) {
        const auto form = reinterpret_cast<Form_pg_database>(GETSTRUCT(row));
        Database* const database = find_or_add(form->oid);
        database->name = form->datname;
        database->present = true;
        database->connectable = can_have_workers(form);
        database->served = database->connectable && is_listed(NameStr(form->datname), listed);
    }
    table_endscan(scan);
    table_close(catalog, AccessShareLock);
    if (!missing_said) {
        say_missing(listed);
        missing_said = true;
    }
}

// The worker is over: when to start the next one.
void schedule_next(Database* database, TimestampTz now) {
    if (database->worker != nullptr) {
        pfree(database->worker);
        database->worker = nullptr;
    }
    long pause = 0;
    switch (board::take_word(database->oid)) {
        case board::Word::no_extension:
            database->failures = 0;
            pause = kHour;
            break;
        case board::Word::occupied:  // by one that a former launcher started, and that
                                     // says when it leaves
            database->failures = 0;
            pause = kMinute;
            break;
        case board::Word::told_to_stop:
            database->failures = 0;
            pause = kSecond;
            break;
        default:
            if (TimestampDifferenceExceeds(database->started, now, kMinute)) {
                database->failures = 0;
            }
            pause = std::min(kSecond << std::min(database->failures, 6), kMinute);
            ++database->failures;
    }
    database->due = TimestampTzPlusMilliseconds(now, pause);
}

// Whether a new connection would have to wait.
bool is_locked(Oid database) {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
    if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL) {
        return true;
    }
    LockRelease(&tag, RowExclusiveLock, false);
    return false;
}

void say_shortage(const Database* database) {
    if (!shortage_said) {
        ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                          errmsg("no background worker slot is free for database \"%s\"", NameStr(database->name)),
                          errdetail("Its events are merged when a slot becomes free or "
                                    "refresh() is called; its views are right "
                                    "until then, but slower."),
                          errhint("Raise max_worker_processes (now %d), or leave databases "
                                  "out of analytics.databases.",
                                  max_worker_processes)));
        shortage_said = true;
    }
}

void start_worker(Database* database, TimestampTz now) {
    if (is_locked(database->oid)) {
        database->due = TimestampTzPlusMilliseconds(now, kSecond);
        return;
    }
    board::take_look(database->oid);
    board::take_word(database->oid);
    MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
    database->worker = register_refresh_worker(database->oid, NameStr(database->name), BGW_NEVER_RESTART);
    MemoryContextSwitchTo(caller);
    database->short_of_slots = database->worker == nullptr;
    if (database->short_of_slots) {
        say_shortage(database);
        board::leave_word(database->oid, board::Word::no_slot);
        database->due = TimestampTzPlusMilliseconds(now, kSlotRetry);
    } else {
        database->started = now;
    }
}

// Whether the database's worker has ended since the last turn, be it one that a
// former launcher started.
bool has_ended(const Database* database) {
    pid_t pid = 0;
    if (database->worker != nullptr) {
        return GetBackgroundWorkerPid(database->worker, &pid) == BGWH_STOPPED;
    }
    const board::Word word = board::word(database->oid);
    return word == board::Word::told_to_stop || word == board::Word::failed || word == board::Word::no_extension;
}

void observe(Database* database, TimestampTz now) {
    if (has_ended(database)) {
        schedule_next(database, now);
    }
    if (database->worker == nullptr && board::take_look(database->oid)) {
        database->due = now;
    }
}

void stop_worker(const Database* database) {
    if (database->worker != nullptr) {
        TerminateBackgroundWorker(database->worker);
    } else {
        signal_workers(database->oid, SIGTERM);
    }
}

// ---- HTTP: one gateway, for one database ----

struct {
    HttpTarget target;
    BackgroundWorkerHandle* worker;  // null: none was started, or it is over
    TimestampTz started;
    TimestampTz due;
    int failures;
    bool shortage_said;
    const char* said;  // why there is none
} gateway;

void say_why_no_http(const char* reason, const char* detail, const char* hint) {
    if (gateway.said != reason) {
        ereport(LOG, (errmsg("HTTP is not served: %s", reason), *detail != '\0' ? errdetail_internal("%s", detail) : 0,
                      errhint("%s", hint)));
    }
    gateway.said = reason;
}

// The database that analytics.http_database says, or the first of
// analytics.databases, or the only one that has the extension; null: none.
const Database* http_database_entry() {
    const char* name = http_database();
    List* const listed = listed_databases();
    if (*name == '\0' && listed != NIL) {
        name = static_cast<const char*>(linitial(listed));
    }
    if (*name == '\0' && RecoveryInProgress()) {
        say_why_no_http("a standby does not find out which database has the extension", "",
                        "Set analytics.http_database.");
        return nullptr;
    }
    const Database* found = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, databases) {
        const auto* const database = static_cast<const Database*>(lfirst(cell));
        const bool fits = *name != '\0' ? strcmp(NameStr(database->name), name) == 0
                                        : board::word(database->oid) == board::Word::serving;
        if (!fits || !database->connectable) {
            continue;
        }
        if (found != nullptr) {
            say_why_no_http("several databases have the extension", "It serves one of them.",
                            "Set analytics.http_database.");
            return nullptr;
        }
        found = database;
    }
    return found;
}

HttpTarget http_target() {
    const Database* const database = http_port() > 0 ? http_database_entry() : nullptr;
    if (database == nullptr || board::stopped(database->oid)) {
        return {};
    }
    const Oid role = find_authenticator();
    if (!OidIsValid(role)) {
        say_why_no_http("there is no role for its sessions",
                        psprintf("analytics.http_authenticator is \"%s\".", http_authenticator()),
                        "CREATE ROLE it WITH LOGIN NOINHERIT, and grant it the "
                        "roles of requests; or set "
                        "analytics.http_port to 0.");
        return {};
    }
    gateway.said = nullptr;
    return {database->oid, role};
}

void gateway_is_over(TimestampTz now) {
    pfree(gateway.worker);
    gateway.worker = nullptr;
    if (TimestampDifferenceExceeds(gateway.started, now, kMinute)) {
        gateway.failures = 0;
    }
    gateway.due = TimestampTzPlusMilliseconds(now, std::min(kSecond << std::min(gateway.failures, 6), kMinute));
    ++gateway.failures;
}

void start_gateway(const HttpTarget& target, TimestampTz now) {
    MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
    gateway.worker = register_gateway(target, BGW_NEVER_RESTART);
    MemoryContextSwitchTo(caller);
    if (gateway.worker != nullptr) {
        gateway.target = target;
        gateway.started = now;
    } else {
        gateway.due = TimestampTzPlusMilliseconds(now, kSlotRetry);
        if (!gateway.shortage_said) {
            ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                              errmsg("no background worker slot is free for the HTTP gateway"),
                              errhint("Raise max_worker_processes (now %d), or set "
                                      "analytics.http_port to 0.",
                                      max_worker_processes)));
        }
    }
    gateway.shortage_said = gateway.worker == nullptr;
}

// Starts, stops or replaces the gateway; returns when to look again at the
// latest.
TimestampTz keep_gateway(TimestampTz now) {
    const HttpTarget target = http_target();
    pid_t pid = 0;
    if (gateway.worker != nullptr && GetBackgroundWorkerPid(gateway.worker, &pid) == BGWH_STOPPED) {
        gateway_is_over(now);
    }
    if (gateway.worker != nullptr) {
        if (!(target == gateway.target)) {
            TerminateBackgroundWorker(gateway.worker);  // which wakes this process when it is over
            gateway.failures = 0;
        }
        return DT_NOEND;
    }
    if (!target.wanted()) {
        return DT_NOEND;
    }
    if (gateway_of(target.database) != 0) {  // of a former launcher: it serves, and is replaced when it ends
        return TimestampTzPlusMilliseconds(now, kSecond * 10);
    }
    if (gateway.due <= now) {
        start_gateway(target, now);
    }
    return gateway.worker == nullptr ? gateway.due : DT_NOEND;
}

// On a standby there is nothing to merge, and no seat can be taken: only HTTP
// is looked after.
TimestampTz take_turn_on_standby() {
    TimestampTz const now = GetCurrentTimestamp();
    read_databases();
    return std::min(keep_gateway(now), TimestampTzPlusMilliseconds(now, kStandbyPause));
}

// Looks at everything once; returns when to look again at the latest.
TimestampTz take_turn() {
    TimestampTz const now = GetCurrentTimestamp();
    TimestampTz next = TimestampTzPlusMilliseconds(now, kMinute);
    bool short_of_slots = false;
    int unknown = 0;
    ListCell* cell = nullptr;
    foreach (cell, databases) {
        static_cast<Database*>(lfirst(cell))->present = false;
    }
    read_databases();
    foreach (cell, list_copy(databases)) {
        auto* const database = static_cast<Database*>(lfirst(cell));
        if (!database->present) {
            forget(database);
            continue;
        }
        observe(database, now);
        unknown += database->worker != nullptr && board::word(database->oid) == board::Word::none ? 1 : 0;
    }
    foreach (cell, databases) {
        auto* const database = static_cast<Database*>(lfirst(cell));
        if (!database->served || board::stopped(database->oid)) {
            stop_worker(database);
            database->short_of_slots = false;
        } else if (database->worker == nullptr) {
            // one more that has to wait for an unknown one is looked at when that one
            // has said its word
            if (database->due <= now && unknown < kUnknownAtOnce) {
                start_worker(database, now);
                unknown += database->worker != nullptr ? 1 : 0;
            }
            if (database->worker == nullptr && database->due > now) {
                next = std::min(next, database->due);
            }
            short_of_slots = short_of_slots || database->short_of_slots;
        }
    }
    shortage_said = shortage_said && short_of_slots;
    return std::min(next, keep_gateway(now));
}

void become_the_launcher() {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr,
                                         0);  // shared catalogs only
    SetConfigOption("application_name", kLauncherType, PGC_USERSET, PGC_S_SESSION);
    board::announce_launcher();
    pgstat_report_activity(STATE_IDLE, nullptr);
}

void launch() {
    bool seated = false;
    while (!ShutdownRequestPending) {
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
            missing_said = false;
        }
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        pgstat_report_activity(STATE_RUNNING, "looking for databases");
        const bool standby = RecoveryInProgress();
        if (!standby && !seated) {
            take_seat();
            seated = true;
        }
        TimestampTz const next = standby ? take_turn_on_standby() : take_turn();
        CommitTransactionCommand();  // frees what the turn allocated
        pgstat_report_stat(true);
        pgstat_report_activity(STATE_IDLE, nullptr);
        nap(std::max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next), 1L));
    }
    proc_exit(1);  // if this was not the server's end, it is to come back
}

}  // namespace

bool is_current_database_served() {
    Relation const catalog = table_open(DatabaseRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_database_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(MyDatabaseId));
    SysScanDesc const scan = systable_beginscan(catalog, DatabaseOidIndexId, true, nullptr, 1, &key);
    bool served = false;
    if (HeapTuple const row = systable_getnext(scan); HeapTupleIsValid(row)) {
        const auto form = reinterpret_cast<Form_pg_database>(GETSTRUCT(row));
        served = can_have_workers(form) && is_listed(NameStr(form->datname), listed_databases());
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return served;
}

void register_launcher() {
    if (IsBinaryUpgrade) {
        return;  // pg_upgrade must be alone with its databases
    }
    board::reserve();
    install_utility_hook();
    BackgroundWorker worker{};
    strlcpy(worker.bgw_name, kLauncherType, sizeof worker.bgw_name);
    strlcpy(worker.bgw_type, kLauncherType, sizeof worker.bgw_type);
    strlcpy(worker.bgw_library_name, "analytics", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "analytics_launcher_main", sizeof worker.bgw_function_name);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_ConsistentState;  // on a standby it looks after HTTP alone
    worker.bgw_restart_time = kRestartSeconds;
    RegisterBackgroundWorker(&worker);
}

}  // namespace analytics::workers

extern "C" {

ANALYTICS_EXPORT void analytics_launcher_main(Datum unused);

void analytics_launcher_main(Datum /*unused*/) {
    analytics::workers::become_the_launcher();
    analytics::workers::launch();
}
}
