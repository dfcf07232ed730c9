#include "core/payload.hpp"

#include "core/error.hpp"
#include "core/quote.hpp"

#include <algorithm>
#include <cstring>

namespace analytics {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view slice(const char* begin, const char* end) { return {begin, static_cast<std::size_t>(end - begin)}; }

std::string describe(const char* where, const char* end, const char* expected) {
    std::string text = std::string("expected ") + expected + ", found ";
    if (where == end) return text + "the end";
    return text + quoted(slice(where, std::min(end, where + 20)));
}

class PayloadReader {
public:
    PayloadReader(std::string_view text, PayloadVisitor& visitor)
        : begin_(text.data()), end_(text.data() + text.size()), visitor_(visitor) {}

    void read() {
        const char* const first = json::skip_blanks(begin_, end_);
        if (first == end_) throw not_json("payload is empty", "");
        if (*first == '[') {
            if (read_array(first)) return;
            const std::string why = position() + describe(where_, end_, expected_);
            visitor_.restart();
            // Lines may begin with one that is an array; then that line ends where the array does.
            if (!first_line_is_json(first) || !read_lines()) throw not_json("payload is not JSON", why);
            return;
        }
        if (read_single(first)) return;
        const std::string why = position() + describe(where_, end_, expected_);
        if (!read_lines()) throw not_json("payload is not JSON", why);
    }

private:
    // The whole text as one value that is no array.
    bool read_single(const char* first) {
        if (!document_.read(first, end_)) return stopped_at(document_.where(), document_.expected());
        if (document_.root().type != json::Type::object && document_.flaw()) return stopped_at(first, "a JSON value");
        const char* const rest = json::skip_blanks(document_.stop(), end_);
        if (rest != end_) return stopped_at(rest, "nothing more after the first value");
        visitor_.value(0, document_, slice(first, document_.stop()));
        return true;
    }

    bool read_array(const char* first) {
        const char* p = json::skip_blanks(first + 1, end_);
        if (*p != ']') {
            for (std::size_t index = 0;; ++index) {
                if (!document_.read(p, end_)) return stopped_at(document_.where(), document_.expected());
                visitor_.value(index, document_, slice(p, document_.stop()));
                p = json::skip_blanks(document_.stop(), end_);
                if (*p == ']') break;
                if (*p != ',') return stopped_at(p, "',' or ']'");
                p = json::skip_blanks(p + 1, end_);
            }
        }
        p = json::skip_blanks(p + 1, end_);
        return p == end_ || stopped_at(p, "nothing more after the array");
    }

    bool first_line_is_json(const char* first) {
        const char* const stop = line_end(first);
        return document_.read(first, stop) && json::skip_blanks(document_.stop(), stop) == stop;
    }

    // True when at least one line is a JSON value; an object, where the text itself begins like one.
    bool read_lines() {
        std::size_t index = 0;
        bool any = false;
        const bool wants_object = *json::skip_blanks(begin_, end_) == '{';
        for (const char* line = begin_; line < end_;) {
            const char* const stop = line_end(line);
            const char* const first = json::skip_blanks(line, stop);
            line = stop + 1;
            if (first == stop) continue;
            if (!document_.read(first, stop)) {
                report_broken(index++, first, stop, document_.where(), document_.expected());
                continue;
            }
            const char* const rest = json::skip_blanks(document_.stop(), stop);
            if (rest != stop) {
                report_broken(index++, first, stop, rest, "nothing more on the line");
                continue;
            }
            any = any || document_.root().type == json::Type::object || (!wants_object && !document_.flaw());
            visitor_.value(index++, document_, slice(first, document_.stop()));
        }
        return any;
    }

    void report_broken(std::size_t index, const char* first, const char* stop, const char* where,
                       const char* expected) {
        const char* last = stop;
        while (last != first && (last[-1] == '\r' || last[-1] == ' ' || last[-1] == '\t')) --last;
        visitor_.broken_line(index, slice(first, last),
                             "byte " + std::to_string(where - first + 1) + ": " + describe(where, stop, expected));
    }

    const char* line_end(const char* line) const {
        const void* const feed = std::memchr(line, '\n', static_cast<std::size_t>(end_ - line));
        return feed != nullptr ? static_cast<const char*>(feed) : end_;
    }

    bool stopped_at(const char* where, const char* expected) {
        where_ = where;
        expected_ = expected;
        return false;
    }

    std::string position() const {
        const auto line = std::count(begin_, where_, '\n') + 1;
        const char* start = where_;
        while (start != begin_ && start[-1] != '\n') --start;
        return "line " + std::to_string(line) + ", byte " + std::to_string(where_ - start + 1) + ": ";
    }

    static Error not_json(const char* message, std::string detail) {
        Error error(Code::invalid_text, message);
        error.detail(std::move(detail)).hint("Send one object, an array of objects, or one object a line (NDJSON).");
        return error;
    }

    const char* begin_;
    const char* end_;
    PayloadVisitor& visitor_;
    json::Document document_;
    const char* where_ = nullptr;
    const char* expected_ = "";
};

}  // namespace

void read_payload(std::string_view text, PayloadVisitor& visitor) {
    if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) text.remove_prefix(kByteOrderMark.size());
    PayloadReader(text, visitor).read();
}

}  // namespace analytics
