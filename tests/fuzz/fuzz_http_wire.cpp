// Whatever bytes stand in the channel between gateway and executors: they are no task, or one that is written as it
// was; the same for answers, and for what a look at the database returns.
#include "core/http/wire.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/http/live_feed.hpp"

namespace {

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                \
        }                                                                                \
    } while (false)

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    if (const auto task = analytics::http::read_task(bytes)) {
        CHECK(analytics::http::write_task(*task) == bytes);
    }
    if (const auto answers = analytics::http::read_answers(bytes)) {
        CHECK(analytics::http::write_answers(*answers) == bytes);
    }
    const std::string text(bytes.c_str());
    if (const auto batch = analytics::http::read_batch("1:1:", "t", text, R"({"a":{"b":1}})")) {
        const std::string message = analytics::http::message_for(*batch, {});
        CHECK(message.ends_with("\n\n") && message.find("\n\n") == message.size() - 2);
    }
    analytics::http::is_snapshot(text);
    return 0;
}
