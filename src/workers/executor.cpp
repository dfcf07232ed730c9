#include "workers/executor.hpp"

#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "core/http/wire.hpp"
#include "pg/guard.hpp"
#include "workers/channel.hpp"
#include "workers/executor_ingest.hpp"
#include "workers/executor_queries.hpp"
#include "workers/http_settings.hpp"
#include "workers/processes.hpp"
#include "workers/transaction.hpp"
#include "workers/unchanged.hpp"

extern "C" {
#include "storage/sinval.h"
#include "utils/timeout.h"
}

namespace analytics::workers {
namespace {

// Each could be set for the database, the role or all, and would break a request. The settings of a request's role are
// not those of a login: as in PostgREST without them.
constexpr struct {
    const char* name;
    const char* value;
} kOwnSettings[] = {
    {"application_name", kExecutorType},
    {"search_path", "pg_catalog, pg_temp"},
    {"default_transaction_isolation", "read committed"},
    {"default_transaction_read_only", "off"},
    {"default_transaction_deferrable", "off"},
    {"session_replication_role", "origin"},
    {"lock_timeout", "0"},
    {"statement_timeout", "0"},  // armed by transaction.cpp
    {"idle_in_transaction_session_timeout", "0"},
    {"idle_session_timeout", "0"},
#if PG_VERSION_NUM >= 170000
    {"transaction_timeout", "0"},
#endif
    {"client_min_messages", "error"},
    {"jit", "off"},  // compiling takes longer than what a request may
};

volatile std::sig_atomic_t told_to_stop = 0;

struct {
    ExecutorEnd channel{};
    ChannelWords* volatile words = nullptr;  // for signal handlers: null when there is no channel (any more)
    Latch* gateway = nullptr;
    std::uint64_t seen_cancel = 0;
    bool connected = false;
    MemoryContext memory = nullptr;  // of one task
} self;

void stop_when_told(SIGNAL_ARGS) {
    const int saved = errno;
    told_to_stop = postgres_signal_arg == SIGTERM ? 1 : told_to_stop;
    if (ChannelWords* const words = self.words) {
        words->told_to_stop = true;
        SetLatch(self.gateway);
    }
    if (!self.connected) {
        die(postgres_signal_arg);
    }
    SetLatch(MyLatch);
    errno = saved;
}

// Cancels what is served, if it is meant: by the gateway, by a timeout, or by somebody's pg_cancel_backend().
void cancel_when_meant(SIGNAL_ARGS) {
    const int saved = errno;
    (void)postgres_signal_arg;
    const ChannelWords* const words = self.words;
    const std::uint64_t serving = words != nullptr ? words->serving.load() : 0;
    const std::uint64_t cancelled = words != nullptr ? words->cancelled.load() : 0;
    const bool timed_out =
        get_timeout_indicator(STATEMENT_TIMEOUT, false) || get_timeout_indicator(LOCK_TIMEOUT, false);
    const bool by_gateway = cancelled != self.seen_cancel;
    if (serving != 0 && told_to_stop != 0 && !timed_out && cancelled == serving && !by_gateway) {
        ProcDiePending = true;  // a function may catch a cancel and go on; this it cannot
    }
    self.seen_cancel = cancelled;
    if (serving != 0 && (timed_out || !by_gateway || cancelled == serving)) {
        InterruptPending = true;
        QueryCancelPending = true;
    }
    SetLatch(MyLatch);
    errno = saved;
}

// The channel's memory goes before the process does, and signals may come until then.
void leave_channel(int /*code*/, Datum /*unused*/) { self.words = nullptr; }

void correct_exit_code(int code, Datum /*unused*/) {
    if (code == 1 && (told_to_stop != 0 || !self.connected)) {
        proc_exit(0);
    }
}

// Errors pass as PostgreSQL raises them: no object lives here.
void become_an_executor(dsm_handle channel) {
    on_proc_exit(correct_exit_code, Datum{0});
    self.channel = attach_channel(channel);
    self.gateway = &shm_mq_get_receiver(shm_mq_get_queue(self.channel.answers))->procLatch;
    before_shmem_exit(leave_channel, Datum{0});
    self.words = self.channel.words;
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, stop_when_told);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(self.channel.words->database, self.channel.words->role, 0);
    pqsignal(SIGINT, cancel_when_meant);
    for (const auto& setting : kOwnSettings) {
        SetConfigOption(setting.name, setting.value, PGC_SUSET, PGC_S_OVERRIDE);
    }
    self.memory = AllocSetContextCreate(TopMemoryContext, "analytics task", ALLOCSET_DEFAULT_SIZES);
    self.connected = true;
    pgstat_report_activity(STATE_IDLE, nullptr);
    self.channel.words->connected = true;
    SetLatch(self.gateway);
}

std::vector<http::Answer> serve(const http::Task& task, AnswerPieces& pieces) {
    if (task.query) {
        return {serve_query(*task.query, pieces)};
    }
    if (task.watch) {
        return {serve_watch(*task.watch)};
    }
    return serve_ingests(task.ingests, self.channel.words->committing);
}

std::uint64_t id_of(const http::Task& task) {
    return task.query ? task.query->id : task.watch ? task.watch->id : task.ingests.front().id;
}

void send(const std::string& message) {
    const shm_mq_result result =
        pg::protect([&] { return shm_mq_send(self.channel.answers, message.size(), message.data(), false, true); });
    if (result != SHM_MQ_SUCCESS) {
        proc_exit(0);
    }
}

void serve_message(std::string_view message) {
    const auto task = http::read_task(message);
    if (!task) {
        pg::fail(ERRCODE_INTERNAL_ERROR, "a task from the gateway is none");
    }
    self.channel.words->committing = false;
    const std::uint64_t id = id_of(*task);
    self.channel.words->serving = id;
    if (self.channel.words->cancelled == id) {  // it came before there was anything to cancel
        InterruptPending = true;
        QueryCancelPending = true;
    }
    AnswerPieces pieces(self.channel.answers, id);
    const std::string answers = http::write_answers(serve(*task, pieces));
    self.channel.words->serving = 0;
    forget_cancels();
    if (!pieces.finish_interrupted()) {
        proc_exit(0);
    }
    send(answers);
}

// Waits for the next task and serves it.
void take_turn() {
    Size size = 0;
    void* data = nullptr;
    bool reloaded = false;
    const shm_mq_result result = pg::protect([&] {
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
            reloaded = true;
        }
        CHECK_FOR_INTERRUPTS();
        if (catchupInterruptPending) {
            ProcessCatchupInterrupt();
        }
        return shm_mq_receive(self.channel.tasks, &size, &data, true);
    });
    if (reloaded) {
        forget_answers();
    }
    if (result == SHM_MQ_DETACHED || (result == SHM_MQ_WOULD_BLOCK && told_to_stop != 0)) {
        proc_exit(0);
    }
    if (result == SHM_MQ_SUCCESS) {
        MemoryContextSwitchTo(self.memory);
        serve_message({static_cast<const char*>(data), size});
        MemoryContextSwitchTo(self.memory);
        MemoryContextReset(self.memory);
        return;
    }
    pg::protect([] {
        pgstat_report_stat(true);
        WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
    });
}

// Ends only with an error, as a message that is raised once all objects are gone.
Datum work(FunctionCallInfo /*none*/) {
    for (;;) {
        take_turn();
    }
}

}  // namespace

BackgroundWorkerHandle* register_executor(dsm_handle channel, int number) {
    BackgroundWorker worker{};
    std::snprintf(worker.bgw_name, sizeof worker.bgw_name, "%s %d", kExecutorType, number);
    strlcpy(worker.bgw_type, kExecutorType, sizeof worker.bgw_type);
    strlcpy(worker.bgw_library_name, "analytics", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "analytics_executor_main", sizeof worker.bgw_function_name);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_ConsistentState;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_main_arg = UInt32GetDatum(channel);
    worker.bgw_notify_pid = MyProcPid;
    BackgroundWorkerHandle* handle = nullptr;
    return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

}  // namespace analytics::workers

extern "C" {

ANALYTICS_EXPORT void analytics_executor_main(Datum channel);

void analytics_executor_main(Datum channel) {
    analytics::workers::become_an_executor(DatumGetUInt32(channel));
    analytics::pg::guarded(analytics::workers::work, nullptr);
}
}
