// The executors as the gateway sees them: kept at their number, given tasks, and started again when they end.
//
//      off --due, database not locked, slot free--> starting --connected--> idle <--> busy
//       ^                                               |                    |         |
//       +---- 1, 2, 4 ... 60 s after a failure; 1 s after it was told to stop; 10 s without a slot ----+
//
// None is started while another transaction holds a lock on the database that would make it wait on connecting: that is
// somebody who drops, moves or copies it.
#pragma once

#include "core/http/wire.hpp"
#include "net/connection.hpp"
#include "workers/channel.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace analytics::workers {

class ExecutorPool {
public:
    using Time = net::Time;

    struct Events {
        // The last of them may say that more will come: the executor is busy until then.
        std::function<void(std::size_t executor, std::vector<http::Answer>&& answers)> answered;
        // Whether there is room for what it says. While there is none it waits, and its time stands still.
        std::function<bool(std::size_t executor)> has_room;
        // It is cancelled, to be stopped: nobody is to wait for the rest of what it says.
        std::function<void(std::size_t executor)> given_up;
        // It ended with its task undone.
        std::function<void(std::size_t executor, bool may_have_committed)> lost;
    };

    ExecutorPool(Oid database, Oid role, Events events)
        : database_(database), role_(role), events_(std::move(events)) {}

    void resize(std::size_t size);
    void work(Time now);
    Time deadline() const { return deadline_; }

    std::optional<std::size_t> find_idle() const;
    // `id`: of the task, as it stands in the message. Who takes longer than `patience` is told to stop: no timeout and
    // no cancel ends a function that catches them.
    void give(std::size_t executor, std::uint64_t id, std::string message, Time patience = net::kNever);
    void cancel(std::size_t executor);
    void cancel_all();

    std::size_t configured() const { return wanted_; }
    std::size_t running() const;
    std::size_t busy() const;
    bool short_of_slots() const { return short_of_slots_; }
    bool failing() const;  // one ended by an accident and none runs

private:
    enum class State { off, starting, idle, busy };
    struct Executor {
        ExecutorLink link;
        State state = State::off;
        std::uint64_t task = 0;
        int failures = 0;
        Time due = 0;
        Time started = 0;
        Time overdue = net::kNever;  // when its task has taken too long
        Time stopping = 0;           // since when it is told to stop; 0: it is not
        Time waiting = 0;            // since when there is no room for its answer; 0: there is
    };

    void start(std::size_t number, Time now);
    void observe(std::size_t number, Time now);
    bool look_for_room(Executor& executor, std::size_t number) const;
    void receive(std::size_t number, bool ended, bool& gone);
    void end(std::size_t number, Time now);
    bool database_is_locked() const;

    const Oid database_;
    const Oid role_;
    const Events events_;
    std::vector<Executor> executors_;
    std::size_t wanted_ = 0;
    Time now_ = 0;
    bool short_of_slots_ = false;
    Time deadline_ = 0;
};

}  // namespace analytics::workers
