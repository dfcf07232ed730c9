// The sockets of the HTTP server: one thread, one epoll descriptor, no PostgreSQL.
//
// Whole requests go to the handler, one at a time for each connection; answers come back by respond(), later or at
// once. poll() never waits: the caller waits for descriptor() and for deadline() together with whatever else it has.
// Time is passed in.
//
// Everything is bounded: connections (and as many again that are only told 503), a header, a body, the bytes of all
// bodies together, and the time for each (connection.hpp).
#pragma once

#include "core/http/response_writer.hpp"
#include "net/connection.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace analytics::net {

using ConnectionId = std::uint64_t;  // never 0, never used again

class Handler {
public:
    virtual ~Handler() = default;
    virtual void on_request(ConnectionId connection, http::Request&& request, bool loopback) = 0;
    // The client left while its request was being served, or its stream ended; an answer would reach nobody.
    virtual void on_gone(ConnectionId connection) = 0;
    // The server itself answered: what it received was no request it could serve.
    virtual void on_refused(int status) = 0;
};

struct Limits {
    http::ReadLimits read;
    std::size_t connections = 1000;
    std::size_t held_bytes = 256 * 1024 * 1024;  // of all bodies
    std::size_t stream_bytes = 256 * 1024;       // unsent, of one stream
};

class Server {
public:
    explicit Server(Handler& handler, const Limits& limits = {}, const Patience& patience = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Opens the socket, in place of the one that was open. Throws analytics::Error and changes nothing when it cannot.
    void listen(const std::string& address, std::uint16_t port);
    void stop_listening();
    bool listening() const { return listener_ >= 0; }
    std::uint16_t port() const;  // the one that was given, or found where 0 was

    void set_limits(const Limits& limits) { limits_ = limits; }

    int descriptor() const { return epoll_; }
    void poll(Time now);
    Time deadline() const { return over_.empty() ? next_sweep_ : 0; }  // when to poll again at the latest

    void respond(ConnectionId connection, const http::Response& response);
    // A stream of news drops the client that is slower than they come (Limits::stream_bytes). That of a result has a
    // writer that minds unsent(), and a client that may be as slow as it may be with any answer.
    enum class Stream { news, result };
    void start_stream(ConnectionId connection, const http::Response& head, Stream kind = Stream::news);
    // False: there is no such stream (any more).
    bool write_stream(ConnectionId connection, std::string_view bytes);
    void end_stream(ConnectionId connection);
    // Ends it so that the client sees that something is missing.
    void cut_stream(ConnectionId connection);
    std::size_t unsent(ConnectionId connection) const;  // bytes; 0 where there is no such connection

    // From now on every connection ends after its answer; those that wait for a request at once.
    void begin_draining();
    void set_unix_time(std::int64_t seconds) { unix_seconds_ = seconds; }

    std::size_t connections() const { return connections_.size(); }
    std::size_t held_bytes() const { return held_bytes_; }
    std::uint64_t accepted() const { return accepted_; }

private:
    using Connections = std::unordered_map<ConnectionId, std::unique_ptr<Connection>>;

    void accept_all();
    void admit(int socket, bool loopback);
    void handle_events(ConnectionId id, std::uint32_t events);
    void read_requests(ConnectionId id, Connection& connection);
    void hand_over(ConnectionId id, Connection& connection);
    void refuse(Connection& connection, const http::Response& answer);
    void after_sending(ConnectionId id, Connection& connection);
    void linger(Connection& connection);
    void hold(Connection& connection, std::size_t bytes);
    void client_left(ConnectionId id, Connection& connection);
    void settle(ConnectionId id, Connection& connection);
    void sweep();
    void expire(ConnectionId id, Connection& connection);
    void close_over();
    Connection* find(ConnectionId id);
    void watch_listener(bool on);

    Handler& handler_;
    Limits limits_;
    const Patience patience_;
    int epoll_ = -1;
    int listener_ = -1;
    bool listener_watched_ = false;
    Connections connections_;
    std::vector<ConnectionId> over_;
    ConnectionId last_id_ = 0;
    std::size_t held_bytes_ = 0;
    std::uint64_t accepted_ = 0;
    std::int64_t unix_seconds_ = 0;
    bool draining_ = false;
    Time now_ = 0;
    Time next_sweep_ = kNever;
};

}  // namespace analytics::net
