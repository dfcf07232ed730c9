#include "workers/answer_pieces.hpp"

#include <utility>

#include "pg/errors.hpp"

extern "C" {
#include "utils/timeout.h"
#include "utils/timestamp.h"
}

namespace analytics::workers {
namespace {

// Stops statement_timeout's clock while it lives; errors may pass it by, since the transaction ends with them.
// Inside protect().
struct PausedClock {
    bool running;
    TimestampTz finish = 0;
    TimestampTz since = 0;
};

PausedClock pause_clock() {
    PausedClock clock{get_timeout_active(STATEMENT_TIMEOUT)};
    if (clock.running) {
        clock.since = GetCurrentTimestamp();
        clock.finish = get_timeout_finish_time(STATEMENT_TIMEOUT);
        disable_timeout(STATEMENT_TIMEOUT, true);
    }
    return clock;
}

void resume(const PausedClock& clock) {
    if (clock.running) {
        enable_timeout_at(STATEMENT_TIMEOUT, clock.finish + (GetCurrentTimestamp() - clock.since));
    }
}

// Inside protect(). Calls again, with the same bytes, send the rest.
shm_mq_result send_waiting(shm_mq_handle* queue, Size size, const char* bytes) {
    shm_mq_result result = shm_mq_send(queue, size, bytes, true, true);
    if (result != SHM_MQ_WOULD_BLOCK) {
        return result;
    }
    const PausedClock clock = pause_clock();
    do {
        CHECK_FOR_INTERRUPTS();
        WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        result = shm_mq_send(queue, size, bytes, true, true);
    } while (result == SHM_MQ_WOULD_BLOCK);
    resume(clock);
    return result;
}

}  // namespace

void AnswerPieces::send(http::Response&& response) {
    http::Answer answer;
    answer.id = id_;
    answer.piece = http::Piece::more;
    answer.response = std::move(response);
    message_ = http::write_answers({answer});
    begun_ = true;
    const shm_mq_result result = pg::protect([&] { return send_waiting(queue_, message_.size(), message_.data()); });
    if (result != SHM_MQ_SUCCESS) {
        message_.clear();
        pg::fail(ERRCODE_CONNECTION_FAILURE, "the gateway is gone");
    }
    message_.clear();
}

bool AnswerPieces::finish_interrupted() {
    if (message_.empty()) {
        return true;
    }
    const shm_mq_result result =
        pg::protect([&] { return shm_mq_send(queue_, message_.size(), message_.data(), false, true); });
    message_.clear();
    return result == SHM_MQ_SUCCESS;
}

}  // namespace analytics::workers
