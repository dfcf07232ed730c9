#include "workers/transaction.hpp"

#include <algorithm>
#include <exception>
#include <string_view>

extern "C" {
#include "utils/timeout.h"
}

namespace analytics::workers {
namespace {

std::string text_of(const char* text) { return text == nullptr ? std::string() : std::string(text); }

SqlError describe(const ErrorData* error) {
    return {unpack_sql_state(error->sqlerrcode), text_of(error->message), text_of(error->detail), text_of(error->hint)};
}

void begin(const TransactionKind& kind) {
    pg::protect([&] {
        debug_query_string = kind.activity;
        pgstat_report_activity(STATE_RUNNING, kind.activity);
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        XactIsoLevel = kind.isolation;
        XactReadOnly = XactReadOnly || kind.read_only;
        if (kind.timeout_ms > 0) {
            enable_timeout_after(STATEMENT_TIMEOUT, kind.timeout_ms);
        }
        PushActiveSnapshot(GetTransactionSnapshot());
    });
}

void commit() {
    pg::protect([] {
        PopActiveSnapshot();
        CommitTransactionCommand();
    });
}

// What is nobody's mistake but ours or the machine's goes to the log; a request's own errors are its answer.
void log(const SqlError& error) {
    const std::string_view state = error.sqlstate;
    for (const std::string_view prefix : {"XX", "58", "53", "F0"}) {
        if (state.starts_with(prefix)) {
            const char* const code = error.sqlstate.c_str();
            const char* const message = error.message.c_str();
            const char* const detail = error.detail.c_str();
            pg::protect([&] {
                HOLD_CANCEL_INTERRUPTS();
                ereport(LOG, (errmsg("a request over HTTP failed: %s", message),
                              errdetail_internal("SQLSTATE %s. %s", code, detail)));
                RESUME_CANCEL_INTERRUPTS();
            });
            return;
        }
    }
}

void end() {
    pg::protect([] {
        disable_timeout(STATEMENT_TIMEOUT, false);
        forget_cancels();
        debug_query_string = nullptr;
        pgstat_report_stat(false);
        pgstat_report_activity(STATE_IDLE, nullptr);
    });
}

}  // namespace

void set_local(const char* name, const std::string& value) {
    const char* const text = value.c_str();
    pg::protect(
        [name, text] { set_config_option(name, text, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false); });
}

int wanted_isolation() { return std::max(DefaultXactIsoLevel, XACT_READ_COMMITTED); }

void limit_time(int most) {
    const int wanted = StatementTimeout;
    if (wanted > 0 && wanted < most) {
        pg::protect([wanted] { enable_timeout_after(STATEMENT_TIMEOUT, wanted); });
    }
}

void limit_lock_waits(const char* timeout) { set_local("lock_timeout", timeout); }

void forget_cancels() { QueryCancelPending = false; }

std::optional<SqlError> run_transaction(const TransactionKind& kind, const std::function<void()>& body) {
    MemoryContext const memory = CurrentMemoryContext;
    std::optional<SqlError> error;
    bool rolled_back = false;
    try {
        begin(kind);
        body();
        commit();
    } catch (const RollBack&) {
        rolled_back = true;
    } catch (const pg::Error& raised) {
        error = describe(raised.data());
    } catch (const analytics::Error& thrown) {
        error = SqlError{thrown.code() == Code::invalid_parameter ? "22023" : "XX000", thrown.what(), thrown.detail(),
                         thrown.hint()};
    } catch (const std::exception& thrown) {
        error = SqlError{"XX000", thrown.what(), {}, {}};
    }
    if (error || rolled_back) {
        pg::protect([] { AbortOutOfAnyTransaction(); });  // also gives the user back
    }
    MemoryContextSwitchTo(memory);
    end();
    if (error) {
        log(*error);
    }
    return error;
}

}  // namespace analytics::workers
