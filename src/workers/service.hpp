// What the gateway does with requests: answers by itself what needs no database, and has executors answer the rest.
//
//     on_request --> queue of queries --+--> an idle executor --> answer
//                --> queue of ingests --+    (one query, or all ingests that wait, as one group)
//
// Each request is a Pending, in exactly one place: in a queue, or with the executor that serves it. At most half of the
// executors ingest at the same time, so that groups grow while a commit is under way and reports find an executor free.
// Reports hold all but one of them at most, so that ingests and health find one free.
#pragma once

#include "core/auth/jwt.hpp"
#include "core/http/cors.hpp"
#include "core/http/live_feed.hpp"
#include "core/http/rates.hpp"
#include "core/http/router.hpp"
#include "core/http/wire.hpp"
#include "net/server.hpp"
#include "workers/executor_pool.hpp"
#include "workers/http_settings.hpp"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace analytics::workers {

class Service final : public net::Handler {
public:
    using Time = net::Time;

    Service(Oid database, Oid role);

    // Also when settings changed.
    void configure(const HttpSettings& settings, Time now);
    // Everything that can be done now, without waiting.
    void work(Time now);
    Time deadline() const;
    int descriptor() const { return server_.descriptor(); }

    void begin_draining(Time now);
    bool drained(Time now);
    bool failing() const { return pool_.failing(); }

    void on_request(net::ConnectionId connection, http::Request&& request, bool loopback) override;
    void on_gone(net::ConnectionId connection) override;
    void on_refused(int status) override;

private:
    struct Pending {
        std::uint64_t id = 0;
        net::ConnectionId connection = 0;
        http::Route route = http::Route::none;
        http::Fields cors;
        Time arrived = 0;
        Time not_before = 0;  // of an ingest that met a lock
        int tries = 0;
        bool gone = false;
        bool begun = false;    // its answer has, in pieces
        bool refused = false;  // there are streams enough: its pieces go nowhere
        int status = 0;        // which it began with
        std::size_t bytes = 0;
        http::Query query;  // of all but ingests
        http::Ingest ingest;
    };
    using Queue = std::deque<std::unique_ptr<Pending>>;
    using Pendings = std::vector<std::unique_ptr<Pending>>;
    // What an executor is at.
    struct Work {
        Pendings requests;
        bool ingests = false;
        bool watch = false;
    };
    struct Listener {
        http::LiveFilter filter;
        std::string resume;   // Last-Event-ID
        bool joined = false;  // gets every batch from now on
    };

    void listen(Time now);
    void read_token_rules();
    std::unique_ptr<Pending> make_pending(net::ConnectionId connection, http::Route route,
                                          const http::Request& request);
    void answer(const Pending& pending, http::Response response);
    void answer_here(net::ConnectionId connection, http::Route route, const http::Request& request,
                     http::Response response);
    void take_ingest(net::ConnectionId connection, http::Request&& request, bool loopback);
    void take_query(net::ConnectionId connection, const http::Match& match, http::Request&& request);
    http::Response page(const http::Request& request) const;
    static http::Response asset(const http::Request& request);
    http::Response busy(const std::string& message) const;

    void dispatch();
    Queue::iterator next_query();
    bool dispatch_query(std::size_t executor, Queue::iterator query);
    bool dispatch_ingests(std::size_t executor);
    std::size_t ingesting() const;
    std::size_t reporting() const;
    void expire_queued();
    void answered(std::size_t executor, std::vector<http::Answer>&& answers);
    void lost(std::size_t executor, bool may_have_committed);
    void answer_query(Pending& pending, http::Answer&& answer);
    void count(const Pending& pending, int status);
    void answer_ingest(std::unique_ptr<Pending> pending, http::Answer&& answer);

    // service_pieces.cpp
    bool has_room(std::size_t executor) const;
    void answer_piece(std::size_t executor, http::Answer&& answer);
    void give_up(std::size_t executor);
    std::size_t streams() const;
    http::Response too_many_streams() const;

    // service_health.cpp
    http::Response health(const http::Answer* database) const;
    std::string_view state() const;
    http::Response metrics() const;

    // service_live.cpp
    void start_listener(Pending& pending, const http::Answer& answer);
    void join(net::ConnectionId connection, Listener& listener);
    bool dispatch_watch(std::size_t executor);
    void answer_watch(const http::Answer& answer);
    void ping_listeners();
    Time live_deadline() const;

    net::Server server_;
    ExecutorPool pool_;
    HttpSettings settings_;
    http::Origins origins_;
    auth::Rules token_rules_;
    http::Rates rates_;
    Time now_ = 0;
    std::uint64_t last_id_ = 0;
    Queue queries_;
    Queue ingests_;
    std::unordered_map<std::size_t, Work> work_;  // by executor
    Time listen_again_ = net::kNever;
    bool listen_failed_ = false;
    std::string listening_on_;

    std::map<net::ConnectionId, Listener> listeners_;
    http::LiveFeed feed_;
    bool watching_ = false;
    std::vector<net::ConnectionId> resuming_;  // whom the watch under way looks for
    Time next_watch_ = 0;
    Time next_ping_ = 0;
    Time last_watch_ = 0;

    bool draining_ = false;
    Time drain_until_ = 0;
    Time cancel_again_ = 0;

    struct Counters {
        std::map<std::pair<std::string_view, int>, std::uint64_t> requests;  // by route and status
        std::map<std::string_view, double> seconds;
        std::uint64_t events = 0;
        std::uint64_t groups = 0;
        std::uint64_t grouped = 0;
        std::uint64_t cancelled = 0;
        std::uint64_t executors_lost = 0;
    } counters_;
};

}  // namespace analytics::workers
