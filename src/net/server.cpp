#include "net/server.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "core/error.hpp"
#include "core/http/errors.hpp"

namespace analytics::net {
namespace {

constexpr int kBacklog = 511;
constexpr Time kSweepPause = 50 * 1000;  // sweeps are at least this far apart
constexpr int kEventsAtOnce = 64;

[[noreturn]] void socket_failed(const std::string& what, int error) {
    throw Error(Code::invalid_parameter, "could not listen on " + what)
        .detail(std::system_category().message(error) + ".")
        .hint("Another process may use the port; see analytics.http_address and analytics.http_port.");
}

struct Resolved {
    addrinfo* list = nullptr;
    ~Resolved() {
        if (list != nullptr) {
            freeaddrinfo(list);
        }
    }
};

bool is_loopback(const sockaddr_storage& address) {
    if (address.ss_family == AF_INET) {
        return (ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24U) == 127;
    }
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    return address.ss_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127));
}

// Whether the kernel resets the connection when it is closed, by whatever: an early end must not look like a whole
// answer.
void reset_when_closed(int descriptor, bool on) {
    const struct ::linger at_once { on ? 1 : 0, 0 };
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

http::Response too_slow(std::string_view what) {
    return http::error_response(408, "request_timeout", "the request did not arrive in time", what,
                                "Send it without pauses.");
}

}  // namespace

Server::Server(Handler& handler, const Limits& limits, const Patience& patience)
    : handler_(handler), limits_(limits), patience_(patience), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) {
        socket_failed("epoll", errno);
    }
}

Server::~Server() {
    connections_.clear();
    stop_listening();
    close(epoll_);
}

void Server::listen(const std::string& address, std::uint16_t port) {
    const std::string what = address + " port " + std::to_string(port);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    Resolved resolved;
    if (const int error = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &resolved.list);
        error != 0) {
        throw Error(Code::invalid_parameter, "could not listen on " + what)
            .detail(std::string(gai_strerror(error)) + ".")
            .hint("Set analytics.http_address to a numeric address such as 127.0.0.1, 0.0.0.0 or ::1.");
    }
    const int socket =
        ::socket(resolved.list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, resolved.list->ai_protocol);
    const int on = 1;
    if (socket < 0 || setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(socket, resolved.list->ai_addr, resolved.list->ai_addrlen) != 0 || ::listen(socket, kBacklog) != 0) {
        const int error = errno;
        if (socket >= 0) {
            close(socket);
        }
        socket_failed(what, error);
    }
    stop_listening();
    listener_ = socket;
    watch_listener(true);
}

void Server::watch_listener(bool on) {
    if (listener_ < 0 || listener_watched_ == on) {
        return;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = 0;
    epoll_ctl(epoll_, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener_, &event);
    listener_watched_ = on;
}

void Server::stop_listening() {
    watch_listener(false);
    if (listener_ >= 0) {
        close(listener_);
        listener_ = -1;
    }
}

std::uint16_t Server::port() const {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (listener_ < 0 || getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                               : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

Connection* Server::find(ConnectionId id) {
    const auto found = connections_.find(id);
    return found == connections_.end() ? nullptr : found->second.get();
}

void Server::poll(Time now) {
    now_ = now;
    close_over();
    std::array<epoll_event, kEventsAtOnce> events;
    for (;;) {
        const int count = epoll_wait(epoll_, events.data(), events.size(), 0);
        for (int i = 0; i < count; ++i) {
            if (events[static_cast<std::size_t>(i)].data.u64 == 0) {
                accept_all();
            } else {
                handle_events(events[static_cast<std::size_t>(i)].data.u64, events[static_cast<std::size_t>(i)].events);
            }
        }
        close_over();
        if (count < kEventsAtOnce) {
            break;
        }
    }
    if (now_ >= next_sweep_) {
        sweep();
    }
}

void Server::accept_all() {
    for (;;) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int socket =
            accept4(listener_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            admit(socket, is_loopback(address));
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            watch_listener(false);  // until the next sweep: something may be free then
            next_sweep_ = std::min(next_sweep_, now_ + kSweepPause);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

void Server::admit(int socket, bool loopback) {
    ++accepted_;
    if (connections_.size() >= 2 * limits_.connections) {
        close(socket);
        return;
    }
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const ConnectionId id = ++last_id_;
    auto& connection =
        *connections_.emplace(id, std::make_unique<Connection>(socket, limits_.read, loopback, now_)).first->second;
    epoll_event event{};
    event.events = connection.watched = EPOLLIN | EPOLLRDHUP;
    event.data.u64 = id;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
    if (connections_.size() > limits_.connections) {
        http::Response answer = http::error_response(503, "too_many_connections", "the server has too many connections",
                                                     {}, "Try again, or raise analytics.http_max_connections.");
        answer.fields.add("Retry-After", "1");
        refuse(connection, answer);
    }
    settle(id, connection);
}

void Server::handle_events(ConnectionId id, std::uint32_t events) {
    Connection* const connection = find(id);
    if (connection == nullptr || connection->state == Connection::State::over) {
        return;
    }
    if ((events & EPOLLIN & connection->wanted_events()) != 0) {
        if (!connection->receive()) {
            client_left(id, *connection);
        } else if (connection->state == Connection::State::reading) {
            read_requests(id, *connection);
        } else if (connection->state == Connection::State::lingering &&
                   now_ - connection->linger_began < patience_.answer_pause) {
            connection->since = now_;
        }
    } else if ((events & EPOLLRDHUP) != 0 && !connection->half_closed) {
        client_left(id, *connection);
    }
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && connection->state != Connection::State::over) {
        connection->half_closed = true;
        client_left(id, *connection);
        connection->state = Connection::State::over;
    }
    if ((events & EPOLLOUT) != 0 && connection->state != Connection::State::over) {
        after_sending(id, *connection);
    }
    connection->disturbed = (events & ~connection->wanted_events() & (EPOLLIN | EPOLLOUT | EPOLLRDHUP)) != 0;
    settle(id, *connection);
}

// The client sends no more. It may still read the answer to what it sent.
void Server::client_left(ConnectionId id, Connection& connection) {
    connection.half_closed = true;
    connection.keep_alive = false;
    switch (connection.state) {
        case Connection::State::serving:
        case Connection::State::streaming:
            handler_.on_gone(id);
            if (connection.state == Connection::State::streaming) {
                connection.state = Connection::State::over;
            }
            break;
        case Connection::State::writing:
            break;
        default:
            connection.state = Connection::State::over;
    }
}

void Server::read_requests(ConnectionId id, Connection& connection) {
    while (connection.state == Connection::State::reading && !connection.in.empty()) {
        if (connection.first_byte == 0) {
            connection.first_byte = now_;
        }
        connection.in.erase(0, connection.reader.feed(connection.in));
        if (connection.in.empty() && connection.reader.state() == http::RequestReader::State::head) {
            connection.first_byte = 0;  // nothing but empty lines
        }
        hold(connection, connection.reader.body_size());
        switch (connection.reader.state()) {
            case http::RequestReader::State::complete:
                hand_over(id, connection);
                break;
            case http::RequestReader::State::failed:
                refuse(connection, connection.reader.failure());
                break;
            case http::RequestReader::State::body:
                if (connection.head_done == 0) {
                    connection.head_done = now_;
                }
                if (held_bytes_ > limits_.held_bytes) {
                    http::Response answer = http::error_response(503, "out_of_memory", "the server holds too much", {},
                                                                 "Try again in a moment.");
                    answer.fields.add("Retry-After", "1");
                    refuse(connection, answer);
                    break;
                }
                if (connection.reader.expects_continue() && !connection.continued) {
                    connection.continued = true;
                    connection.append("HTTP/1.1 100 Continue\r\n\r\n");
                    if (!connection.send(now_)) {
                        connection.state = Connection::State::over;
                    }
                }
                return;
            case http::RequestReader::State::head:
                return;
        }
    }
}

void Server::hold(Connection& connection, std::size_t bytes) {
    held_bytes_ += bytes - connection.held_bytes;
    connection.held_bytes = bytes;
}

void Server::hand_over(ConnectionId id, Connection& connection) {
    http::Request request = connection.reader.take();
    connection.reader = http::RequestReader(limits_.read);
    connection.first_byte = connection.head_done = 0;
    connection.continued = false;
    connection.keep_alive = request.keep_alive && !connection.half_closed && !draining_;
    connection.head_only = request.method == "HEAD";
    connection.chunks = request.chunks;
    connection.state = Connection::State::serving;
    handler_.on_request(id, std::move(request), connection.loopback);
}

void Server::refuse(Connection& connection, const http::Response& answer) {
    handler_.on_refused(answer.status);
    connection.keep_alive = false;
    connection.head_only = false;
    connection.state = Connection::State::writing;
    connection.in.clear();
    connection.append(http::write_response(answer, {http::Body::whole, false, unix_seconds_}));
    connection.begin_answer(now_);
    after_sending(0, connection);
}

void Server::respond(ConnectionId id, const http::Response& response) {
    Connection* const connection = find(id);
    if (connection == nullptr || connection->state != Connection::State::serving) {
        return;
    }
    connection->keep_alive = connection->keep_alive && !draining_;
    const auto body = connection->head_only ? http::Body::left_out : http::Body::whole;
    connection->append(http::write_response(response, {body, connection->keep_alive, unix_seconds_}));
    connection->state = Connection::State::writing;
    connection->begin_answer(now_);
    after_sending(id, *connection);
    settle(id, *connection);
}

void Server::after_sending(ConnectionId id, Connection& connection) {
    if (!connection.send(now_)) {
        if (connection.state == Connection::State::streaming) {
            handler_.on_gone(id);
        }
        connection.state = Connection::State::over;
    } else if (connection.state == Connection::State::writing && !connection.unsent()) {
        hold(connection, 0);
        if (connection.keep_alive) {
            connection.state = Connection::State::reading;
            connection.since = now_;
        } else {
            linger(connection);
        }
    }
}

void Server::linger(Connection& connection) {
    if (connection.resets) {
        connection.resets = false;
        reset_when_closed(connection.descriptor, false);
    }
    shutdown(connection.descriptor, SHUT_WR);
    connection.state = connection.half_closed ? Connection::State::over : Connection::State::lingering;
    connection.since = connection.linger_began = now_;
}

void Server::start_stream(ConnectionId id, const http::Response& head, Stream kind) {
    Connection* const connection = find(id);
    if (connection == nullptr || connection->state != Connection::State::serving) {
        return;
    }
    const auto body = connection->chunks ? http::Body::chunked : http::Body::until_close;
    connection->append(http::write_response(head, {body, false, unix_seconds_}));
    connection->keep_alive = false;
    connection->awaited = kind == Stream::result;
    connection->resets = !connection->chunks && kind == Stream::result;
    if (connection->resets) {
        reset_when_closed(connection->descriptor, true);
    }
    connection->state = Connection::State::streaming;
    connection->begin_answer(now_);
    after_sending(id, *connection);
    settle(id, *connection);
}

bool Server::write_stream(ConnectionId id, std::string_view bytes) {
    Connection* const connection = find(id);
    if (connection == nullptr || connection->state != Connection::State::streaming) {
        return false;
    }
    connection->append_piece(connection->chunks ? http::write_chunk(bytes) : std::string(bytes), now_);
    if (!connection->send(now_) || (!connection->awaited && connection->unsent_bytes() > limits_.stream_bytes)) {
        connection->state = Connection::State::over;
        settle(id, *connection);
        return false;
    }
    settle(id, *connection);
    return true;
}

void Server::end_stream(ConnectionId id) {
    Connection* const connection = find(id);
    if (connection == nullptr || connection->state != Connection::State::streaming) {
        return;
    }
    if (connection->chunks) {
        connection->append("0\r\n\r\n");
    }
    connection->state = Connection::State::writing;
    connection->begin_answer(now_);
    after_sending(id, *connection);
    settle(id, *connection);
}

void Server::cut_stream(ConnectionId id) {
    Connection* const connection = find(id);
    if (connection == nullptr || connection->state != Connection::State::streaming) {
        return;
    }
    connection->state = Connection::State::over;
    settle(id, *connection);
}

std::size_t Server::unsent(ConnectionId id) const {
    const auto found = connections_.find(id);
    return found == connections_.end() || found->second->state == Connection::State::over
               ? 0
               : found->second->unsent_bytes();
}

void Server::begin_draining() {
    draining_ = true;
    for (auto& [id, connection] : connections_) {
        if (connection->state == Connection::State::reading && connection->first_byte == 0) {
            linger(*connection);
            settle(id, *connection);
        }
    }
    close_over();
}

// After anything happened to a connection: what is watched, and by when the server looks at it again.
void Server::settle(ConnectionId id, Connection& connection) {
    if (connection.state == Connection::State::over) {
        over_.push_back(id);
        return;
    }
    // What is watched for and not wanted any more is let be until it happens: most requests come when the one before is
    // answered, and cost no call for it.
    if (const std::uint32_t wanted = connection.wanted_events();
        (wanted & ~connection.watched) != 0 || (connection.disturbed && wanted != connection.watched)) {
        connection.disturbed = false;
        epoll_event event{};
        event.events = connection.watched = wanted;
        event.data.u64 = id;
        epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.descriptor, &event);
    }
    // A request that came with the former one, and is in no kernel's buffer any more. It is read by the next sweep: a
    // handler that answers at once would call itself without end.
    const bool waiting =
        connection.state == Connection::State::reading && !connection.in.empty() && connection.first_byte == 0;
    next_sweep_ = std::min(next_sweep_, waiting ? now_ : connection.deadline(patience_));
}

void Server::sweep() {
    Time next = kNever;
    std::vector<ConnectionId> ids;
    ids.reserve(connections_.size());
    for (const auto& [id, connection] : connections_) {
        ids.push_back(id);
    }
    watch_listener(true);
    next_sweep_ = kNever;
    for (const ConnectionId id : ids) {
        Connection* const connection = find(id);
        if (connection == nullptr) {
            continue;
        }
        if (connection->state == Connection::State::reading && !connection->in.empty() && connection->first_byte == 0) {
            read_requests(id, *connection);
        }
        if (connection->deadline(patience_) <= now_) {
            expire(id, *connection);
        }
        settle(id, *connection);
    }
    close_over();
    // a deadline that is nearer than the pause is met a little late
    next = next_sweep_;
    next_sweep_ = next <= now_ ? next : std::max(next, now_ + kSweepPause);
}

void Server::expire(ConnectionId id, Connection& connection) {
    if (connection.state == Connection::State::reading && connection.first_byte != 0) {
        refuse(connection,
               too_slow(connection.head_done == 0 ? "The header was not complete." : "The body was not whole."));
        return;
    }
    if (connection.state == Connection::State::streaming) {
        handler_.on_gone(id);
    }
    connection.state = Connection::State::over;
}

void Server::close_over() {
    for (const ConnectionId id : over_) {
        if (const auto found = connections_.find(id); found != connections_.end()) {
            hold(*found->second, 0);
            connections_.erase(found);
        }
    }
    over_.clear();
}

}  // namespace analytics::net
