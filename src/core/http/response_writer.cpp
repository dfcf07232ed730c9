#include "core/http/response_writer.hpp"

#include <array>
#include <chrono>
#include <cstdio>

#include "core/http/errors.hpp"

namespace analytics::http {
namespace {

// Whatever a value is made of, it cannot begin a field of its own.
void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    for (const char c : value) {
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    }
    out += "\r\n";
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

std::string http_date(std::int64_t unix_seconds) {
    constexpr std::array days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    using namespace std::chrono;
    const sys_seconds time{seconds(unix_seconds)};
    const auto day = floor<std::chrono::days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT", days[weekday(day).c_encoding()],
                  static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                  static_cast<int>(date.year()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return text.data();
}

std::string write_response(const Response& response, const Framing& framing) {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ';
    out += reason(response.status);
    out += "\r\n";
    append_field(out, "Date", http_date(framing.unix_seconds));
    append_field(out, "Server", "analytics");
    for (const auto& [name, value] : response.fields.all()) {
        append_field(out, name, value);
    }
    // Of HEAD an empty body may be one that was never made: its length is not known (RFC 9110, 8.6).
    const bool now = framing.body == Body::whole || (framing.body == Body::left_out && !response.body.empty());
    if (framing.body == Body::chunked) {
        append_field(out, "Transfer-Encoding", "chunked");
    } else if (now && may_have_body(response.status)) {
        append_field(out, "Content-Length", std::to_string(response.body.size()));
    }
    append_field(out, "X-Content-Type-Options", "nosniff");
    append_field(out, "Connection", framing.keep_alive ? "keep-alive" : "close");
    out += "\r\n";
    if (framing.body == Body::whole && may_have_body(response.status)) {
        out += response.body;
    }
    return out;
}

std::string write_chunk(std::string_view bytes) {
    if (bytes.empty()) {
        return {};
    }
    std::array<char, 20> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    std::string out = size.data();
    out += bytes;
    out += "\r\n";
    return out;
}

}  // namespace analytics::http
