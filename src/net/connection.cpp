#include "net/connection.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace analytics::net {

Connection::Connection(int socket, const http::ReadLimits& limits, bool is_loopback, Time now)
    : descriptor(socket), loopback(is_loopback), reader(limits), since(now), progress_(now) {}

Connection::~Connection() { close(descriptor); }

bool Connection::receive() {
    std::array<char, 65536> piece;
    const ssize_t size = recv(descriptor, piece.data(), piece.size(), 0);
    if (size > 0) {
        if (state != State::lingering && state != State::streaming) {
            in.append(piece.data(), static_cast<std::size_t>(size));
        }
        return true;
    }
    return size < 0 && (errno == EAGAIN || errno == EINTR);
}

bool Connection::send(Time now) {
    while (unsent()) {
        const ssize_t size = ::send(descriptor, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
        if (size > 0) {
            sent_ += static_cast<std::size_t>(size);
            progress_ = now;
        } else if (errno == EAGAIN) {
            return true;
        } else if (errno != EINTR) {
            return false;
        }
    }
    out_.clear();
    out_.shrink_to_fit();
    sent_ = 0;
    return true;
}

void Connection::append(std::string bytes) {
    if (out_.empty()) {
        out_ = std::move(bytes);
    } else {
        out_.erase(0, sent_);
        sent_ = 0;
        out_ += bytes;
    }
}

void Connection::begin_answer(Time now) {
    progress_ = answer_began_ = now;
    answer_size_ = out_.size();
}

// The client's time counts from when there is something to take.
void Connection::append_piece(std::string bytes, Time now) {
    const std::size_t size = bytes.size();
    if (unsent()) {
        append(std::move(bytes));
        answer_size_ += size;
    } else {
        append(std::move(bytes));
        begin_answer(now);
    }
}

std::uint32_t Connection::wanted_events() const {
    std::uint32_t events = half_closed ? 0U : static_cast<std::uint32_t>(EPOLLRDHUP);
    // while a request is served the next one waits in the kernel's buffer, which is bounded
    if (!half_closed && (state == State::reading || state == State::lingering || state == State::streaming)) {
        events |= static_cast<std::uint32_t>(EPOLLIN);
    }
    if (unsent()) {
        events |= static_cast<std::uint32_t>(EPOLLOUT);
    }
    return events;
}

Time Connection::deadline(const Patience& patience) const {
    switch (state) {
        case State::reading:
            if (head_done != 0) {
                return head_done + patience.body + static_cast<Time>(reader.body_size() / patience.body_rate) * kSecond;
            }
            return first_byte != 0 ? first_byte + patience.head : since + patience.idle;
        case State::streaming:
            if (!unsent()) {
                return kNever;
            }
            if (!awaited) {
                return progress_ + patience.answer_pause;
            }
            [[fallthrough]];
        case State::writing:
            return std::min(
                progress_ + patience.answer_pause,
                answer_began_ + patience.answer + static_cast<Time>(answer_size_ / patience.answer_rate) * kSecond);
        case State::lingering:
            return since + patience.linger;
        case State::serving:
        case State::over:
            break;
    }
    return kNever;
}

}  // namespace analytics::net
