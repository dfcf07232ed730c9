// Whatever bytes arrive on a socket: each request is read the same whether they come at once or one by one, nothing is
// read beyond them, limits hold, and a refusal is an answer that can be sent.
#include "core/http/request_reader.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/http/ingest_form.hpp"
#include "core/http/query_string.hpp"
#include "core/http/response_writer.hpp"
#include "core/http/router.hpp"

namespace {

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                \
        }                                                                                \
    } while (false)

using analytics::http::RequestReader;

const analytics::http::ReadLimits kLimits{1024, 2000};

// What a connection makes of the bytes: its requests, and the refusal that ends it.
struct Reading {
    std::vector<analytics::http::Request> requests;
    int refused = 0;
};

Reading read(const std::string& bytes, std::size_t step) {
    Reading reading;
    RequestReader reader(kLimits);
    std::string in;
    for (std::size_t i = 0; i < bytes.size(); i += step) {
        in += bytes.substr(i, step);
        for (;;) {
            const std::size_t used = reader.feed(in);
            CHECK(used <= in.size());
            in.erase(0, used);
            CHECK(reader.body_size() <= kLimits.body);
            if (reader.state() != RequestReader::State::complete) {
                break;
            }
            reading.requests.push_back(reader.take());
            reader = RequestReader(kLimits);
        }
        if (reader.state() == RequestReader::State::failed) {
            reading.refused = reader.failure().status;
            CHECK(reading.refused >= 400 && !reader.failure().body.empty());
            break;
        }
        CHECK(in.size() <= kLimits.head + step);
    }
    return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    const Reading whole = read(bytes, bytes.size() + 1);
    const Reading pieces = read(bytes, 1);
    CHECK(whole.requests.size() == pieces.requests.size());
    if ((whole.refused == 0) != (pieces.refused == 0)) {
        // a flaw in a header, or in what a chunk is extended by, that has no end yet may be seen now, at its end, or
        // where it becomes too long: a quote that is never closed hides the end
        const std::string ended = bytes + "\r\n\r\n" + std::string(2 * kLimits.head, 'x');
        CHECK(read(ended, ended.size()).refused != 0 && read(ended, 1).refused != 0);
    }
    for (std::size_t i = 0; i < whole.requests.size(); ++i) {
        analytics::http::Request request = whole.requests[i];
        CHECK(request.path == pieces.requests[i].path && request.body == pieces.requests[i].body);
        CHECK(request.fields.all() == pieces.requests[i].fields.all());
        CHECK(request.path == "*" || request.path.front() == '/');
        CHECK(request.path.find('\0') == std::string::npos);
        CHECK(request.body.size() <= kLimits.body);
        analytics::http::match_route(request.path);
        analytics::http::Response echo;
        for (const auto& [name, value] : request.fields.all()) {
            echo.fields.add("X-Echo", value);
        }
        const std::string written = analytics::http::write_response(echo, {});
        // no value makes a line of its own
        std::size_t lines = 0;
        for (auto at = written.find("\r\n"); at != std::string::npos; at = written.find("\r\n", at + 2)) {
            ++lines;
        }
        CHECK(lines == request.fields.all().size() + 7);
        analytics::http::read_ingest_form(std::move(request), false);
    }
    return 0;
}
