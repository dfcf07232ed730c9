// Reads requests from bytes as they come, without touching a socket.
//
// One reader reads one request: feed() takes what belongs to it and leaves the rest (the next request of a pipeline).
// The grammar is Boost.Beast's parser; what it lets pass and RFC 9112 forbids is refused here.
#pragma once

#include "core/http/message.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace analytics::http {

struct ReadLimits {
    std::size_t head = 16 * 1024;
    std::size_t body = 16 * 1024 * 1024;
};

class RequestReader {
public:
    enum class State {
        head,      // not complete yet
        body,      // the head is known, the body not whole
        complete,  // take() yields the request
        failed,    // failure() is the answer; the connection cannot go on
    };

    explicit RequestReader(const ReadLimits& limits);
    ~RequestReader();
    RequestReader(RequestReader&&) noexcept;
    RequestReader& operator=(RequestReader&&) noexcept;

    // Returns how many bytes it is done with. While the head is incomplete that may be none: the same bytes are passed
    // again, with more.
    std::size_t feed(std::string_view bytes);

    State state() const;
    bool expects_continue() const;  // from the end of the head on
    std::size_t body_size() const;  // read so far
    const Response& failure() const;
    Request take();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace analytics::http
