#include "core/http/request_reader.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/http/errors.hpp"
#include "core/http/query_string.hpp"

namespace analytics::http {
namespace {

constexpr int kMostFields = 200;  // work is done for each, in more than one place

namespace beast = boost::beast::http;
using ErrorCode = boost::system::error_code;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// The parser takes lists of equal numbers as well. Whoever stands before this server may not: one reading alone is
// taken.
bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Response malformed(std::string_view what) {
    return error_response(400, "bad_request", "the request is not well-formed HTTP", what,
                          "See RFC 9112; a client library writes requests as they must be.");
}

// Whether the request line ends with a version of HTTP, be it one that we do not speak.
bool names_version(std::string_view bytes) {
    const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
    const std::string_view version = line.substr(line.rfind(' ') + 1);
    return version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.';
}

Response header_too_large(const std::string& limit) {
    return error_response(431, "header_too_large", "the request's header is too large", "Limit: " + limit + ".",
                          "Send fewer or shorter fields.");
}

Response failure_of(const ErrorCode& error, std::string_view bytes, const ReadLimits& limits) {
    if (error == beast::error::header_limit) {
        return header_too_large(std::to_string(limits.head) + " bytes");
    }
    if (error == beast::error::body_limit) {
        return error_response(413, "body_too_large", "the request's body is too large",
                              "Limit: " + std::to_string(limits.body) + " bytes (analytics.http_max_body).",
                              "Send it in smaller parts.");
    }
    if (error == beast::error::bad_version && names_version(bytes)) {
        return error_response(505, "http_version", "the version of HTTP is not supported", {},
                              "Use HTTP/1.1 or HTTP/1.0.");
    }
    return malformed(error.message());
}

}  // namespace

struct RequestReader::Parts {
    explicit Parts(const ReadLimits& given) : limits(given) {
        parser.header_limit(static_cast<std::uint32_t>(limits.head));
        parser.body_limit(limits.body);
        parser.eager(false);
    }

    void fail(Response answer) {
        failure = std::move(answer);
        state = State::failed;
    }

    // The method, the target and what stands for the whole message. False: refused.
    bool read_head() {
        const auto& head = parser.get();
        request.method = view(head.method_string());
        request.keep_alive = parser.keep_alive();
        request.chunks = head.version() >= 11;
        int hosts = 0;
        int lengths = 0;
        int codings = 0;
        int count = 0;
        for (const auto& field : head) {
            if (++count > kMostFields) {
                fail(header_too_large(std::to_string(kMostFields) + " fields"));
                return false;
            }
            hosts += field.name() == beast::field::host ? 1 : 0;
            lengths += field.name() == beast::field::content_length ? 1 : 0;
            codings += field.name() == beast::field::transfer_encoding ? 1 : 0;
            request.fields.add(std::string(view(field.name_string())), std::string(trim(view(field.value()))));
        }
        if (hosts > 1 || (hosts == 0 && head.version() >= 11)) {
            fail(malformed("HTTP/1.1 has exactly one field Host."));
        } else if (lengths > 1) {
            fail(malformed("There is more than one field Content-Length."));
        } else if (!is_number(request.fields.find("Content-Length").value_or("0"))) {
            fail(malformed("Content-Length is no number."));
        } else if (request.fields.find("Transfer-Encoding") && head.version() < 11) {
            fail(malformed("HTTP/1.0 has no field Transfer-Encoding."));
        } else if (codings > 1 ||
                   !equal_ignoring_case(request.fields.find("Transfer-Encoding").value_or("chunked"), "chunked")) {
            fail(error_response(501, "transfer_encoding", "the transfer encoding is not supported", {},
                                "Send the body as it is, with Content-Length, or chunked."));
        } else if (const auto expect = request.fields.find("Expect");
                   expect && !equal_ignoring_case(*expect, "100-continue")) {
            fail(error_response(417, "expectation", "the expectation is not supported", *expect, "Leave out Expect."));
        } else {
            read_target(view(head.target()));
        }
        return state != State::failed;
    }

    void read_target(std::string_view target) {
        // the absolute form, as sent to proxies
        for (const std::string_view scheme : {"http://", "https://"}) {
            if (target.size() > scheme.size() && equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
                const auto slash = target.find_first_of("/?", scheme.size());
                target = slash == std::string_view::npos ? "/" : target.substr(slash);
                break;
            }
        }
        if (target == "*" && request.method == "OPTIONS") {
            request.path = "*";
            return;
        }
        const auto mark = target.find('?');
        const auto path = percent_decode(target.substr(0, mark), false);
        if (!path || path->empty() || path->front() != '/' || target.find('#') != std::string_view::npos) {
            fail(malformed("The target is no path, or not percent-encoded as it should be."));
            return;
        }
        request.path = *path;
        request.query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
    }

    ReadLimits limits;
    beast::request_parser<beast::string_body> parser;
    State state = State::head;
    Request request;
    Response failure;
};

RequestReader::RequestReader(const ReadLimits& limits) : parts_(std::make_unique<Parts>(limits)) {}
RequestReader::~RequestReader() = default;
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;

std::size_t RequestReader::feed(std::string_view bytes) {
    Parts& parts = *parts_;
    std::size_t used = 0;
    if (parts.state == State::head && !parts.parser.got_some()) {
        // empty lines before a request are ignored (RFC 9112, 2.2)
        while (bytes.substr(used).starts_with("\r\n")) {
            used += 2;
        }
        if (bytes.substr(used) == "\r") {
            return used;
        }
    }
    while (parts.state == State::head || parts.state == State::body) {
        const std::string_view rest = bytes.substr(used);
        if (rest.empty()) {
            break;
        }
        ErrorCode error;
        const std::size_t taken = parts.parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
        used += taken;
        if (error && error != beast::error::need_more) {
            parts.fail(failure_of(error, rest, parts.limits));
            break;
        }
        if (parts.state == State::head && parts.parser.is_header_done()) {
            if (!parts.read_head()) {
                break;
            }
            parts.state = State::body;
        }
        if (parts.parser.is_done()) {
            parts.request.body = std::move(parts.parser.get().body());
            parts.state = State::complete;
        } else if (taken == 0) {
            // the line of a chunk's size with what it is extended by, or the trailer: the parser waits for its end
            if (parts.state == State::body && rest.size() > parts.limits.head) {
                parts.fail(header_too_large(std::to_string(parts.limits.head) + " bytes"));
            }
            break;
        }
    }
    return used;
}

RequestReader::State RequestReader::state() const { return parts_->state; }

bool RequestReader::expects_continue() const {
    return parts_->state == State::body && parts_->request.chunks && parts_->request.fields.find("Expect").has_value();
}

std::size_t RequestReader::body_size() const {
    return parts_->state == State::complete ? parts_->request.body.size() : parts_->parser.get().body().size();
}

const Response& RequestReader::failure() const { return parts_->failure; }

Request RequestReader::take() { return std::move(parts_->request); }

}  // namespace analytics::http
