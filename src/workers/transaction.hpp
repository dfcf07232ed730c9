// Transactions of the executors: begun, ended and rolled back from C++, with what went wrong as a value.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "pg/errors.hpp"
#include "workers/headers.hpp"

namespace analytics::workers {

struct SqlError {
    std::string sqlstate;
    std::string message;
    std::string detail;
    std::string hint;
};

// Thrown by a body that succeeded, to be rolled back all the same.
struct RollBack : std::exception {};

struct TransactionKind {
    const char* activity = "";  // for pg_stat_activity
    int timeout_ms = 0;         // 0: none
    int isolation = XACT_READ_COMMITTED;
    bool read_only = false;
};

// Runs body() in a transaction, with a snapshot, and commits. Whatever it throws is rolled back and returned, but for
// RollBack, which is no error; an error of the server's own (XX000 and the like) is logged too.
std::optional<SqlError> run_transaction(const TransactionKind& kind, const std::function<void()>& body);

// SET LOCAL.
void set_local(const char* name, const std::string& value);

// The level that default_transaction_isolation asks for, as it is set now. A transaction that has begun has its own.
int wanted_isolation();

// statement_timeout, as it is set now, holds from here on where it is shorter than the transaction's time: `most`, in
// milliseconds.
void limit_time(int most);

// For the rest of the transaction: who would wait for a lock for longer fails with 55P03.
void limit_lock_waits(const char* timeout);

// The executor ignores cancels until the next transaction: there is nothing to cancel.
void forget_cancels();

}  // namespace analytics::workers
