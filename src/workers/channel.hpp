// Between the gateway and one executor: a piece of dynamic shared memory with two message queues and a few words.
//
// The gateway makes it, and never waits for it; the executor waits when it has nothing to do. Messages (core/http/wire)
// may be longer than the queues: they pass in pieces, each side's latch tells it to go on.
//
// To cancel what is being served, the gateway writes its id to `cancelled` and sends SIGINT. The executor minds it only
// while it serves that very id, so that a signal that comes late disturbs nobody.
//
// Nothing here owns C++ objects across a call into PostgreSQL that may raise an error: those calls stand in protect().
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "workers/headers.hpp"

extern "C" {
#include "storage/dsm.h"
#include "storage/shm_mq.h"
}

namespace analytics::workers {

struct ChannelWords {
    std::atomic<std::uint64_t> serving;    // id of the task; 0: none. Written by the executor
    std::atomic<std::uint64_t> cancelled;  // the last id that the gateway cancelled
    std::atomic<bool> committing;          // what is served may have been stored
    std::atomic<bool> connected;           // the executor is at work
    std::atomic<bool> told_to_stop;        // it got SIGTERM: it ends after its task
    Oid database;
    Oid role;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// The gateway's end. Lives in TopMemoryContext.
class ExecutorLink {
public:
    enum class Health { starting, running, ended };

    // Makes the memory and asks for the process. False: no worker slot is free.
    bool start(Oid database, Oid role, int number);
    bool started() const { return segment_ != nullptr; }
    Health health() const;
    pid_t pid() const;

    // Begins to send a message; the rest goes by flush(). One at a time.
    void send(std::string message);
    // False: the executor is gone.
    bool flush();
    // The next message, if one is complete. What it points to lives until the next call. `gone`: the executor is.
    std::optional<std::string_view> receive(bool& gone);

    void cancel(std::uint64_t id);
    void tell_to_stop();  // SIGTERM, by way of the postmaster
    bool may_have_committed() const { return words_->committing; }
    bool told_to_stop() const { return words_->told_to_stop; }

    // Lets go: an executor that still runs leaves when it is done.
    void drop();
    // The same, and tells it to end (SIGTERM).
    void terminate();

private:
    dsm_segment* segment_ = nullptr;
    BackgroundWorkerHandle* worker_ = nullptr;
    shm_mq_handle* tasks_ = nullptr;
    shm_mq_handle* answers_ = nullptr;
    ChannelWords* words_ = nullptr;
    std::string message_;
    bool sending_ = false;
};

// The executor's end.
struct ExecutorEnd {
    dsm_segment* segment;
    ChannelWords* words;
    shm_mq_handle* tasks;
    shm_mq_handle* answers;
};

// Raises an error when the gateway is gone.
ExecutorEnd attach_channel(dsm_handle handle);

}  // namespace analytics::workers
