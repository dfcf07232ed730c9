#include "workers/refresh_worker.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "pg/guard.hpp"
#include "workers/board.hpp"
#include "workers/nightly_worker.hpp"
#include "workers/owner.hpp"
#include "workers/processes.hpp"
#include "workers/settings.hpp"

// Nothing in this file owns a destructor: errors may pass as PostgreSQL raises them.

namespace analytics::workers {
namespace {

constexpr const char* kStep = "SELECT analytics.maintain()";
constexpr long kFirstPause = 1000;
constexpr long kLongestPause = 60000;

enum class Step { more, done, no_extension, occupied, failed };

volatile std::sig_atomic_t told_to_stop = 0;  // ProcDiePending is cleared before the last words are said

// What the process knows of itself.
struct {
    board::Word last_word = board::Word::failed;
    bool connected = false;
    bool seated = false;
    const char* database_name = nullptr;
    MemoryContext step_memory = nullptr;
} self;

// The errors since the last success.
struct {
    int count = 0;
    int sqlstate = 0;
    char message[256] = "";

    long pause() const { return std::min(kFirstPause << std::min(count - 1, 6), kLongestPause); }
    bool is_last(const ErrorData* error) const {
        return count > 0 && sqlstate == error->sqlerrcode &&
               strncmp(message, error->message == nullptr ? "" : error->message, sizeof message - 1) == 0;
    }
    void add(const ErrorData* error) {
        ++count;
        sqlstate = error->sqlerrcode;
        strlcpy(message, error->message == nullptr ? "" : error->message, sizeof message);
    }
} failures;

// Between steps the process leaves by itself, within one it is interrupted.
void stop_when_told(SIGNAL_ARGS) {
    told_to_stop = 1;
    die(postgres_signal_arg);
}

void say_last_word(int /*code*/, Datum /*unused*/) {
    board::leave_word(MyDatabaseId != InvalidOid ? MyDatabaseId : DatumGetObjectId(MyBgworkerEntry->bgw_main_arg),
                      told_to_stop != 0 ? board::Word::told_to_stop : self.last_word);
}

// What ends by FATAL ends with 1, also where it was told to stop or could not connect: then 0 is what is meant.
void correct_exit_code(int code, Datum /*unused*/) {
    if (code == 1 && (told_to_stop != 0 || !self.connected)) {
        proc_exit(0);
    }
}

[[noreturn]] void leave(board::Word word) {
    self.last_word = word;
    proc_exit(0);
}

void add_context(void* /*unused*/) {
    if (self.database_name != nullptr) {
        errcontext("refresh worker of database \"%s\"", self.database_name);
    }
}

bool call_maintain() {
    SPI_connect();
    const int result = SPI_execute(kStep, false, 1);
    if (result != SPI_OK_SELECT || SPI_processed != 1) {
        elog(ERROR, "analytics.maintain() returned no row (%s)", SPI_result_code_string(result));
    }
    bool null = false;
    const Datum more = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null);
    const bool again = !null && DatumGetBool(more);
    SPI_finish();
    return again;
}

Step step_in_transaction() {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    if (self.database_name == nullptr) {
        self.database_name = MemoryContextStrdup(TopMemoryContext, get_database_name(MyDatabaseId));
    }
    const Installation installation = find_installation();
    if (!installation.found()) {
        CommitTransactionCommand();
        return Step::no_extension;
    }
    if (!self.seated) {
        if (!take_seat()) {
            CommitTransactionCommand();
            return Step::occupied;
        }
        self.seated = true;
        board::leave_word(MyDatabaseId, board::Word::serving);
    }
    bool again = false;
    commit_as(installation.owner, [&again] { again = call_maintain(); });
    return again ? Step::more : Step::done;
}

void note_failure() {
    HOLD_INTERRUPTS();
    MemoryContextSwitchTo(self.step_memory);
    const ErrorData* const error = CopyErrorData();
    if (!failures.is_last(error)) {
        EmitErrorReport();
    }
    FlushErrorState();
    AbortCurrentTransaction();  // also gives the user back
    failures.add(error);
    RESUME_INTERRUPTS();
}

void note_success() {
    if (failures.count > 0) {
        ereport(LOG, (errmsg("refresh worker of database \"%s\" works again", self.database_name),
                      errdetail("Steps that failed: %d.", failures.count)));
        failures.count = 0;
    }
}

Step run_step() {
    volatile Step step = Step::failed;
    ErrorContextCallback context{};
    context.callback = add_context;
    context.previous = error_context_stack;
    error_context_stack = &context;
    debug_query_string = kStep;
    pgstat_report_activity(STATE_RUNNING, kStep);
    PG_TRY();
    { step = step_in_transaction(); }
    PG_CATCH();
    { note_failure(); }
    PG_END_TRY();
    error_context_stack = context.previous;
    debug_query_string = nullptr;
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, nullptr);
    if (step != Step::failed) {
        note_success();
    }
    MemoryContextSwitchTo(self.step_memory);
    MemoryContextReset(self.step_memory);
    return step;
}

// Ends early when told to stop, and, unless it is a pause after an error, with whatever else wakes the process: a
// reload, or somebody who knows that there is something to do.
void pause_for(long milliseconds, bool after_error) {
    const TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
    for (long left = milliseconds; left > 0 && told_to_stop == 0;
         left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until)) {
        const int events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        if (told_to_stop != 0) {
            return;
        }
        CHECK_FOR_INTERRUPTS();
        if ((events & WL_LATCH_SET) != 0 && !after_error) {
            return;
        }
    }
}

void become_a_worker() {
    before_shmem_exit(say_last_word, Datum{0});
    on_proc_exit(correct_exit_code, Datum{0});
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, stop_when_told);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(MyBgworkerEntry->bgw_main_arg), InvalidOid, 0);
    self.connected = true;
    set_own_settings(kRefreshType);
    SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_SESSION);
    self.step_memory = AllocSetContextCreate(TopMemoryContext, "analytics step", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(self.step_memory);
}

void work() {
    while (told_to_stop == 0) {
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
        if (board::stopped(MyDatabaseId)) {
            leave(board::Word::told_to_stop);  // before it could be seen and signalled
        }
        const Step step = run_step();
        if (self.seated) {
            start_nightly_worker_when_due();
        }
        switch (step) {
            case Step::more:
                break;
            case Step::done:
                pause_for(refresh_interval(), false);
                break;
            case Step::failed:
                pause_for(failures.pause(), true);
                break;
            case Step::no_extension:
                leave(board::Word::no_extension);
            case Step::occupied:
                leave(board::Word::occupied);
        }
    }
    leave(board::Word::told_to_stop);
}

}  // namespace

BackgroundWorkerHandle* register_refresh_worker(Oid database, const char* database_name, int restart) {
    BackgroundWorker worker{};
    std::snprintf(worker.bgw_name, sizeof worker.bgw_name, "%s (%s)", kRefreshType, database_name);
    strlcpy(worker.bgw_type, kRefreshType, sizeof worker.bgw_type);
    strlcpy(worker.bgw_library_name, "analytics", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "analytics_refresh_worker_main", sizeof worker.bgw_function_name);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = restart;
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    worker.bgw_notify_pid = MyProcPid;
    BackgroundWorkerHandle* handle = nullptr;
    return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

}  // namespace analytics::workers

extern "C" {

ANALYTICS_EXPORT void analytics_refresh_worker_main(Datum database);

void analytics_refresh_worker_main(Datum /*database*/) {
    analytics::workers::become_a_worker();
    analytics::workers::work();
}
}
