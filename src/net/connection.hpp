// One client's connection: what was read and not used, what is to be written, and until when something has to happen.
// The server moves it on; it calls nobody.
#pragma once

#include "core/http/message.hpp"
#include "core/http/request_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace analytics::net {

using Time = std::int64_t;  // microseconds of a clock that does not go back
inline constexpr Time kSecond = 1000000;
inline constexpr Time kNever = INT64_MAX;

// How patient the server is. Fixed, but for tests that would not wait as long.
struct Patience {
    Time head = 10 * kSecond;          // from a request's first byte to the end of its header
    Time body = 30 * kSecond;          // and one second more for each body_rate bytes that came
    Time idle = 75 * kSecond;          // between requests
    Time answer_pause = 30 * kSecond;  // no byte is taken
    Time answer = 30 * kSecond;        // and one second more for each answer_rate bytes of the answer
    Time linger = 2 * kSecond;         // after the last answer, so that it arrives before the connection is cut
    std::size_t body_rate = 64 * 1024;
    std::size_t answer_rate = 16 * 1024;
};

class Connection {
public:
    enum class State {
        reading,    // a request, or waiting for one
        serving,    // a request is with the handler
        writing,    // its answer is on the way
        streaming,  // an answer that comes in pieces
        lingering,  // all was said; what the client still sends is thrown away
        over,
    };

    Connection(int descriptor, const http::ReadLimits& limits, bool loopback, Time now);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Reads once what the socket has. False: the client has ended its side, or the connection broke.
    bool receive();
    // Writes what the socket takes. False: broken.
    bool send(Time now);

    bool unsent() const { return sent_ < out_.size(); }
    std::size_t unsent_bytes() const { return out_.size() - sent_; }
    void append(std::string bytes);
    void begin_answer(Time now);                     // counts what append() added since
    void append_piece(std::string bytes, Time now);  // of a stream

    // What epoll is to watch for.
    std::uint32_t wanted_events() const;
    // When it is too late for what the state waits for.
    Time deadline(const Patience& patience) const;

    const int descriptor;
    const bool loopback;  // the client's address is
    State state = State::reading;
    http::RequestReader reader;
    std::string in;             // read from the socket, not by the reader
    std::uint32_t watched = 0;  // what epoll watches for now
    bool disturbed = false;     // by an event that is watched for and not wanted
    bool half_closed = false;   // the client sends no more
    bool keep_alive = true;
    bool head_only = false;
    bool chunks = true;
    bool resets = false;     // its end is the answer's end: ended too early, it is reset instead
    bool awaited = false;    // streaming: the writer waits for the client, which must not be slower than an answer's
    bool continued = false;  // 100 Continue was sent
    std::size_t held_bytes = 0;  // of a body, counted by the server
    Time since;                  // when the state began; of reading, when the phase did
    Time first_byte = 0;         // of the request being read; 0: none came
    Time head_done = 0;
    Time linger_began = 0;

private:
    std::string out_;
    std::size_t sent_ = 0;
    Time progress_ = 0;
    Time answer_began_ = 0;
    std::size_t answer_size_ = 0;
};

}  // namespace analytics::net
