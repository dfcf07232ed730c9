// The executor's way to send an answer piece by piece while its statement runs.
//
// To send waits while the gateway has no room, which is while the client is slower than the statement. A cancel ends
// the wait; the time of the wait is not the statement's.
#pragma once

#include "core/http/wire.hpp"
#include "workers/headers.hpp"

#include <cstdint>
#include <string>

extern "C" {
#include "storage/shm_mq.h"
}

namespace analytics::workers {

class AnswerPieces {
public:
    AnswerPieces(shm_mq_handle* queue, std::uint64_t id) : queue_(queue), id_(id) {}
    AnswerPieces(const AnswerPieces&) = delete;
    AnswerPieces& operator=(const AnswerPieces&) = delete;

    // Whether the client may have the head already.
    bool begun() const { return begun_; }

    // What is sent is right so far, and the answer given back is its last piece. Not said of an answer that went wrong
    // midway: it has no end.
    void complete() { completed_ = true; }
    bool completed() const { return begun_ && completed_; }

    // A piece that others follow. Not inside pg::protect().
    void send(http::Response&& response);

    // The rest of a message that an error interrupted, before any other message may be sent: waits, whatever comes.
    // False: the gateway is gone.
    bool finish_interrupted();

private:
    shm_mq_handle* queue_;
    std::uint64_t id_;
    bool begun_ = false;
    bool completed_ = false;
    std::string message_;  // on its way; empty: none
};

}  // namespace analytics::workers
