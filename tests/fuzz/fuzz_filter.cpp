// Whatever text arrives as a filter: it is refused, or printed as one parenthesised condition whose quotes and
// parentheses close, outside of whose texts there are only the words and signs that the engine prints; and it reads as
// itself.
#include "core/error.hpp"
#include "core/filter.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                \
        }                                                                                \
    } while (false)

// The SQL with each string constant, read as PostgreSQL reads it, left out.
std::string without_texts(const std::string& sql) {
    std::string rest;
    for (std::size_t i = 0; i < sql.size(); ++i) {
        if (sql[i] != '\'') {
            rest.push_back(sql[i]);
            continue;
        }
        const bool escapes = !rest.empty() && rest.back() == 'E' &&
                             (rest.size() == 1 || std::string(" ([,").find(rest[rest.size() - 2]) != std::string::npos);
        for (++i;; ++i) {
            CHECK(i < sql.size());
            if (sql[i] == '\\') {
                CHECK(escapes && i + 1 < sql.size());
                ++i;
            } else if (sql[i] == '\'') {
                if (i + 1 == sql.size() || sql[i + 1] != '\'') {
                    break;
                }
                ++i;
            }
        }
    }
    return rest;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view sent(reinterpret_cast<const char*>(data), size);
    analytics::Filter filter;
    try {
        filter = analytics::read_filter(sent);
    } catch (const analytics::Error& error) {
        CHECK(error.code() == analytics::Code::syntax_error);
        return 0;
    }
    const std::string rest = without_texts(filter.condition);
    int depth = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) {
        depth += rest[i] == '(' ? 1 : rest[i] == ')' ? -1 : 0;
        CHECK(depth > 0 || i + 1 == rest.size());
        CHECK(rest[i] != ';' && rest[i] != '$' && rest[i] != '"' && rest[i] != '\0' &&
              static_cast<unsigned char>(rest[i]) < 0x80);
    }
    CHECK(depth == 0);
    CHECK(rest.find("--") == std::string::npos && rest.find("/*") == std::string::npos);
    const analytics::Filter again = analytics::read_filter(filter.text);
    CHECK(again.text == filter.text && again.condition == filter.condition);
    return 0;
}
