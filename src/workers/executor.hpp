// An executor: a session that serves one task after the other for the gateway (channel.hpp).
//
// It logs in as analytics.http_authenticator, a plain role, so that whatever a request does, no more than that role is
// behind it. Tasks are decoded here and served elsewhere (executor_ingest, executor_queries); the answer is sent when
// the transaction is over.
//
// SIGTERM: it finishes its task and leaves; the gateway cancels what takes too long. It also leaves when the gateway is
// gone. The exit code is 0 then, and the postmaster never starts it again: the gateway does.
#pragma once

#include "workers/headers.hpp"

extern "C" {
#include "storage/dsm.h"
}

namespace analytics::workers {

inline constexpr const char* kExecutorType = "analytics executor";

// Asks the postmaster for an executor at the other end of this memory; this process is told when it starts and stops.
// Null: no worker slot is free. Allocated in the current context.
BackgroundWorkerHandle* register_executor(dsm_handle channel, int number);

}  // namespace analytics::workers
