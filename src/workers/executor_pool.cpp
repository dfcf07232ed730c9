#include "workers/executor_pool.hpp"

#include <algorithm>

#include "pg/errors.hpp"

namespace analytics::workers {
namespace {

constexpr net::Time kSecond = net::kSecond;
constexpr net::Time kSlotRetry = 10 * kSecond;
constexpr net::Time kLongestPause = 60 * kSecond;
constexpr net::Time kStopPatience = 3 * kSecond;  // for the task of one that is told to stop
constexpr int kPiecesAtOnce = 16;
constexpr net::Time kLook = kSecond / 2;  // how often one that starts, or stops, is looked at

}  // namespace

void ExecutorPool::resize(std::size_t size) {
    wanted_ = size;
    if (executors_.size() < size) {
        executors_.resize(size);
    }
}

bool ExecutorPool::database_is_locked() const {
    const Oid database = database_;
    return pg::protect([database] {
        LOCKTAG tag;
        SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
        // as a session: the gateway has no transactions
        if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL) {
            return true;
        }
        LockRelease(&tag, RowExclusiveLock, true);
        return false;
    });
}

void ExecutorPool::start(std::size_t number, Time now) {
    Executor& executor = executors_[number];
    if (database_is_locked()) {
        executor.due = now + kSecond;
        return;
    }
    if (!executor.link.start(database_, role_, static_cast<int>(number) + 1)) {
        executor.due = now + kSlotRetry;
        if (!short_of_slots_) {
            short_of_slots_ = true;
            const auto missing = static_cast<int>(wanted_ - running());
            pg::protect([missing] {
                ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                                  errmsg("no background worker slot is free for %d of the HTTP executors", missing),
                                  errdetail("Requests are served by the others, if there are any."),
                                  errhint("Raise max_worker_processes (now %d), or lower analytics.http_executors.",
                                          max_worker_processes)));
            });
        }
        return;
    }
    executor.state = State::starting;
    executor.started = now;
    executor.stopping = 0;
}

// The executor is over: when to start the next one.
void ExecutorPool::end(std::size_t number, Time now) {
    Executor& executor = executors_[number];
    const bool was_busy = executor.state == State::busy;
    const bool told = executor.link.told_to_stop();
    const bool committed = executor.link.may_have_committed();
    executor.link.drop();
    executor.state = State::off;
    executor.task = 0;
    executor.waiting = 0;
    if (told) {
        executor.failures = 0;
        executor.due = now + kSecond;
    } else {
        if (now - executor.started > kLongestPause) {
            executor.failures = 0;
        }
        executor.due = now + std::min(kSecond << std::min(executor.failures, 6), kLongestPause);
        ++executor.failures;
    }
    if (was_busy) {
        events_.lost(number, committed);
    }
}

// Of one that is busy.
bool ExecutorPool::look_for_room(Executor& executor, std::size_t number) const {
    const bool room = executor.state != State::busy || events_.has_room(number);
    if (room && executor.waiting != 0) {
        executor.overdue += executor.overdue == net::kNever ? 0 : now_ - executor.waiting;
        executor.waiting = 0;
    } else if (!room && executor.waiting == 0) {
        executor.waiting = now_;
    }
    return room;
}

// `ended`: what it has sent is all there will be, and is taken whether there is room or not.
void ExecutorPool::receive(std::size_t number, bool ended, bool& gone) {
    Executor& executor = executors_[number];
    for (int pieces = 0; ended || look_for_room(executor, number); ++pieces) {
        if (pieces == kPiecesAtOnce && !ended) {
            deadline_ = now_;  // the others first
            return;
        }
        const auto message = executor.link.receive(gone);
        if (!message) {
            return;
        }
        auto answers = http::read_answers(*message);
        const bool piece = answers && answers->size() == 1 && answers->front().piece != http::Piece::whole;
        if (!answers || executor.state != State::busy || (piece && answers->front().id != executor.task)) {
            gone = true;  // not to be trusted any more
            return;
        }
        if (!piece || answers->front().piece == http::Piece::last) {
            executor.state = State::idle;
            executor.task = 0;
            executor.failures = 0;
        }
        events_.answered(number, std::move(*answers));
    }
}

void ExecutorPool::observe(std::size_t number, Time now) {
    Executor& executor = executors_[number];
    bool gone = false;
    if (executor.state == State::busy) {
        gone = !executor.link.flush();
    }
    const auto health = executor.link.health();
    receive(number, health == ExecutorLink::Health::ended, gone);
    if (health == ExecutorLink::Health::ended || gone) {
        end(number, now);
        return;
    }
    if (executor.state == State::starting && health == ExecutorLink::Health::running) {
        executor.state = State::idle;
    }
    if (executor.state == State::busy && executor.waiting == 0 && executor.overdue <= now) {
        executor.overdue = now + kStopPatience;
        executor.link.tell_to_stop();
    }
    if (executor.link.told_to_stop() && executor.state == State::busy) {
        if (executor.stopping == 0) {
            executor.stopping = now;
        } else if (now - executor.stopping > kStopPatience) {
            events_.given_up(number);
            executor.link.cancel(executor.task);
            executor.stopping += kSecond;  // and again: the second time the process ends
        }
    }
    if (number >= wanted_ && executor.state == State::idle) {
        executor.link.drop();  // too many: it leaves
        executor.state = State::off;
    }
}

void ExecutorPool::work(Time now) {
    deadline_ = net::kNever;
    now_ = now;
    for (std::size_t number = 0; number < executors_.size(); ++number) {
        Executor& executor = executors_[number];
        if (executor.link.started()) {
            observe(number, now);
        }
        if (executor.state == State::off && number < wanted_) {
            if (executor.due <= now) {
                start(number, now);
            }
            if (executor.state == State::off) {
                deadline_ = std::min(deadline_, executor.due);
            }
        }
        if (executor.state == State::busy && executor.waiting == 0) {
            deadline_ = std::min(deadline_, executor.overdue);
        }
        if (executor.state == State::starting || executor.stopping != 0) {
            deadline_ = std::min(deadline_, now + kLook);
        }
    }
    short_of_slots_ = short_of_slots_ && running() < wanted_;
    while (executors_.size() > wanted_ && executors_.back().state == State::off) {
        executors_.pop_back();
    }
}

std::optional<std::size_t> ExecutorPool::find_idle() const {
    for (std::size_t number = 0; number < std::min(wanted_, executors_.size()); ++number) {
        if (executors_[number].state == State::idle && !executors_[number].link.told_to_stop()) {
            return number;
        }
    }
    return std::nullopt;
}

void ExecutorPool::give(std::size_t number, std::uint64_t id, std::string message, Time patience) {
    Executor& executor = executors_[number];
    executor.state = State::busy;
    executor.task = id;
    executor.overdue = patience == net::kNever ? patience : now_ + patience;
    deadline_ = std::min(deadline_, executor.overdue);
    executor.waiting = 0;
    executor.link.send(std::move(message));
    executor.link.flush();  // what fails here is seen by the next look
}

void ExecutorPool::cancel(std::size_t number) {
    if (executors_[number].state == State::busy) {
        executors_[number].link.cancel(executors_[number].task);
    }
}

void ExecutorPool::cancel_all() {
    for (std::size_t number = 0; number < executors_.size(); ++number) {
        cancel(number);
    }
}

std::size_t ExecutorPool::running() const {
    return static_cast<std::size_t>(std::count_if(executors_.begin(), executors_.end(), [](const Executor& executor) {
        return executor.state == State::idle || executor.state == State::busy;
    }));
}

std::size_t ExecutorPool::busy() const {
    return static_cast<std::size_t>(std::count_if(
        executors_.begin(), executors_.end(), [](const Executor& executor) { return executor.state == State::busy; }));
}

bool ExecutorPool::failing() const {
    return running() == 0 && std::any_of(executors_.begin(), executors_.end(), [](const Executor& executor) {
               return executor.state == State::off && (executor.failures > 0 || executor.due > 0);
           });
}

}  // namespace analytics::workers
