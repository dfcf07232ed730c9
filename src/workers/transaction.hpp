// Transactions of the executors: begun, ended and rolled back from C++, with what went wrong as a value.
#pragma once

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

struct TransactionKind {
    const char* activity = "";  // for pg_stat_activity
    bool one_snapshot = false;  // REPEATABLE READ, read-only
    int timeout_ms = 0;         // 0: none
};

// Runs body() in a transaction, with a snapshot, and commits. Whatever it throws is rolled back and returned; an error
// of the server's own (XX000 and the like) is logged too.
std::optional<SqlError> run_transaction(const TransactionKind& kind, const std::function<void()>& body);

// For the rest of the transaction: who would wait for a lock for longer fails with 55P03.
void limit_lock_waits(const char* timeout);

// The executor ignores cancels until the next transaction: there is nothing to cancel.
void forget_cancels();

}  // namespace analytics::workers
