#include "core/quote.hpp"

#include "core/utf8.hpp"

namespace analytics {
namespace {

constexpr std::size_t kShown = 40;

}  // namespace

std::string quoted(std::string_view text) {
    std::string shown = "\"";
    const char* p = text.data();
    const char* const end = p + text.size();
    while (p != end && static_cast<std::size_t>(p - text.data()) < kShown) {
        const std::size_t length = utf8_sequence_length(p, end);
        const auto first = static_cast<unsigned char>(*p);
        if (length == 0 || first < 0x20 || first == 0x7F) {
            shown.push_back('?');
            ++p;
        } else {
            shown.append(p, length);
            p += length;
        }
    }
    if (p != end) shown += "...";
    shown.push_back('"');
    return shown;
}

}  // namespace analytics
