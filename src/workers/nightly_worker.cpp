#include "workers/nightly_worker.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>

#include "pg/guard.hpp"
#include "workers/owner.hpp"
#include "workers/processes.hpp"
#include "workers/settings.hpp"

extern "C" {
#include "catalog/pg_class.h"
}

// Nothing in this file owns a destructor: errors may pass as PostgreSQL raises them.

namespace analytics::workers {
namespace {

constexpr std::int64_t kDay = 86400;
constexpr const char* kSteps = "SELECT n.command FROM analytics.nightly_steps($1) n ORDER BY n.step";
constexpr const char* kHasSteps = "SELECT pg_catalog.to_regprocedure('analytics.nightly_steps(text)') IS NOT NULL";
constexpr const char* kJobs =
    "SELECT pg_catalog.string_agg(j.command, '; ') FROM cron.job j"
    " WHERE j.active AND j.database OPERATOR(pg_catalog.=) pg_catalog.current_database()";

// ---- in the refresh worker: whether it is time ----

struct {
    std::int64_t seen = 0;  // wall time up to which was looked, in seconds; it never goes back, clocks may
    bool due = false;
    bool shortage_said = false;
} night;

// Seconds of the wall clock in TimeZone since some midnight.
std::int64_t wall_time() {
    const pg_time_t now = timestamptz_to_time_t(GetCurrentTimestamp());
    const pg_tm* const local = pg_localtime(&now, session_timezone);
    return kDay * date2j(local->tm_year + 1900, local->tm_mon + 1, local->tm_mday) + 3600 * local->tm_hour +
           60 * local->tm_min + local->tm_sec;
}

bool register_nightly_worker() {
    BackgroundWorker worker{};
    std::snprintf(worker.bgw_name, sizeof worker.bgw_name, "%s (%u)", kNightlyType, MyDatabaseId);
    strlcpy(worker.bgw_type, kNightlyType, sizeof worker.bgw_type);
    strlcpy(worker.bgw_library_name, "analytics", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "analytics_nightly_worker_main", sizeof worker.bgw_function_name);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
    BackgroundWorkerHandle* handle = nullptr;
    return RegisterDynamicBackgroundWorker(&worker, &handle);
}

void say_shortage() {
    ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                      errmsg("no background worker slot is free for what is to be done at night"),
                      errdetail("Segments and models are brought up to date when a slot becomes free."),
                      errhint("Raise max_worker_processes (now %d), or set analytics.models_at to '' and have "
                              "schedule() or any scheduler do it.",
                              max_worker_processes)));
}

// ---- in the nightly worker itself ----

struct {
    bool connected = false;
    bool seated = false;
    const char* database_name = nullptr;
    MemoryContext memory = nullptr;
} self;

void correct_exit_code(int code, Datum /*unused*/) {
    if (code == 1 && (ProcDiePending != 0 || !self.connected)) {
        proc_exit(0);
    }
}

void add_context(void* /*unused*/) {
    if (self.database_name != nullptr) {
        errcontext("nightly worker of database \"%s\"", self.database_name);
    }
}

// The table of pg_cron, if there is one. (Somebody else's relation of this name is read as its owner, and may say
// what it likes.)
struct JobTable {
    Oid owner = InvalidOid;
    bool found = false;
};
JobTable find_job_table() {
    const Oid schema = get_namespace_oid("cron", true);
    const Oid table = OidIsValid(schema) ? get_relname_relid("job", schema) : InvalidOid;
    if (!OidIsValid(table)) {
        return {};
    }
    HeapTuple const row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(row)) {
        return {};
    }
    const auto form = reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
    const JobTable found{form->relowner, form->relkind == RELKIND_RELATION};
    ReleaseSysCache(row);
    return found;
}

// The first column of a query, in the worker's memory; nulls are left out.
List* read_column(const char* query, int parameters, Oid* types, Datum* values, const char* nulls) {
    List* found = NIL;
    SPI_connect();
    if (SPI_execute_with_args(query, parameters, types, values, nulls, true, 0) != SPI_OK_SELECT) {
        elog(ERROR, "a query of the nightly worker returned no rows");
    }
    for (std::uint64_t i = 0; i < SPI_processed; ++i) {
        if (const char* const text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1); text != nullptr) {
            MemoryContext const caller = MemoryContextSwitchTo(self.memory);
            found = lappend(found, pstrdup(text));
            MemoryContextSwitchTo(caller);
        }
    }
    SPI_finish();
    return found;
}

const char* first_of(List* texts) { return texts == NIL ? nullptr : static_cast<const char*>(linitial(texts)); }

// Commands of pg_cron's jobs for this database; null: none.
const char* jobs_elsewhere() {
    List* commands = NIL;
    if (const JobTable jobs = find_job_table(); jobs.found) {
        commit_as(jobs.owner, [&commands] { commands = read_column(kJobs, 0, nullptr, nullptr, nullptr); });
    } else {
        CommitTransactionCommand();
    }
    return first_of(commands);
}

// What is to be done, as SQL. None where the extension's SQL is older than this library.
List* read_steps(Oid owner, const char* elsewhere) {
    List* steps = NIL;
    commit_as(owner, [&steps, elsewhere] {
        const char* const known = first_of(read_column(kHasSteps, 0, nullptr, nullptr, nullptr));
        if (known != nullptr && *known == 't') {
            Oid type = TEXTOID;
            Datum value = elsewhere == nullptr ? Datum{0} : CStringGetTextDatum(elsewhere);
            steps = read_column(kSteps, 1, &type, &value, elsewhere == nullptr ? "n" : " ");
        }
    });
    return steps;
}

void execute(const char* command) {
    SPI_connect();
    SPI_execute(command, false, 0);
    SPI_finish();
}

// Runs work(owner), which commits, in a transaction. False: it failed, which has been logged.
template <typename Work>
bool try_to(const char* activity, Work&& work) {
    volatile bool done = false;
    ErrorContextCallback context{};
    context.callback = add_context;
    context.previous = error_context_stack;
    error_context_stack = &context;
    debug_query_string = activity;
    pgstat_report_activity(STATE_RUNNING, activity);
    PG_TRY();
    {
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        if (self.database_name == nullptr) {
            self.database_name = MemoryContextStrdup(TopMemoryContext, get_database_name(MyDatabaseId));
        }
        const Installation installation = find_installation();
        if (!installation.found() || (!self.seated && !take_nightly_seat())) {
            proc_exit(0);
        }
        self.seated = true;
        work(installation.owner);
        done = true;
    }
    PG_CATCH();
    {
        HOLD_INTERRUPTS();
        EmitErrorReport();
        FlushErrorState();
        AbortCurrentTransaction();
        RESUME_INTERRUPTS();
    }
    PG_END_TRY();
    error_context_stack = context.previous;
    debug_query_string = nullptr;
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, nullptr);
    MemoryContextSwitchTo(self.memory);
    return done;
}

void become_the_worker(Oid database) {
    on_proc_exit(correct_exit_code, Datum{0});
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    self.connected = true;
    set_own_settings(kNightlyType);
    self.memory = AllocSetContextCreate(TopMemoryContext, "analytics night", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(self.memory);
}

void work_through_the_night() {
    const char* elsewhere = nullptr;
    List* steps = NIL;
    try_to("looking for jobs of pg_cron", [&elsewhere](Oid) { elsewhere = jobs_elsewhere(); });
    try_to("looking for what is to be done at night",
           [&steps, elsewhere](Oid owner) { steps = read_steps(owner, elsewhere); });
    int failed = 0;
    ListCell* cell = nullptr;
    foreach (cell, steps) {
        CHECK_FOR_INTERRUPTS();
        const char* const command = static_cast<const char*>(lfirst(cell));
        const bool done = try_to(command, [command](Oid owner) { commit_as(owner, [command] { execute(command); }); });
        failed += done ? 0 : 1;
    }
    ereport(LOG, (errmsg("nightly work in database \"%s\" is done", self.database_name),
                  errdetail("Steps: %d, of which failed: %d.", list_length(steps), failed)));
}

}  // namespace

void start_nightly_worker_when_due() {
    const std::optional<int> at = models_at();
    const std::int64_t now = wall_time();
    if (at && night.seen != 0 && now > night.seen) {
        night.due = night.due || (now - *at) / kDay > (night.seen - *at) / kDay;
    }
    night.seen = std::max(night.seen, now);
    night.due = night.due && at.has_value();
    if (night.due && register_nightly_worker()) {
        night.due = false;
        night.shortage_said = false;
    } else if (night.due && !night.shortage_said) {
        say_shortage();
        night.shortage_said = true;
    }
}

}  // namespace analytics::workers

extern "C" {

ANALYTICS_EXPORT void analytics_nightly_worker_main(Datum database);

void analytics_nightly_worker_main(Datum database) {
    analytics::workers::become_the_worker(DatumGetObjectId(database));
    analytics::workers::work_through_the_night();
    proc_exit(0);
}
}
