// Reads the fields of an event from JSON nodes: checked, normalised, or an EventError that says what is wrong.
//
// A field that was not sent, is null or an empty string is absent: nullopt.
#pragma once

#include "core/decimal.hpp"
#include "core/event.hpp"
#include "core/event_error.hpp"
#include "core/json.hpp"
#include "core/text_arena.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace analytics {

inline constexpr std::size_t kMaxKeyBytes = 1024;
inline constexpr std::int16_t kMaxLines = 32'767;

class FieldReader {
public:
    explicit FieldReader(TextArena& arena) : arena_(arena) {}

    // A string; its characters, in the arena where it had escapes.
    std::optional<std::string_view> text(const json::Node* node, const Where& where) const;
    // A string, or a number by its digits; at most 1 KiB.
    std::optional<std::string_view> key(const json::Node* node, const Where& where) const;
    std::optional<bool> boolean(const json::Node* node, const Where& where) const;
    // Numbers, also in quotes.
    std::optional<Decimal> money(const json::Node* node, const Where& where) const;       // not negative
    std::optional<std::int32_t> count(const json::Node* node, const Where& where) const;  // 1 to 2,147,483,647
    // RFC 3339 or epoch, from 1990 to a day after `now`; `to_instant` places times without a zone.
    std::optional<UnixMicros> timestamp(const json::Node* node, const Where& where, UnixMicros now,
                                        const std::function<UnixMicros(UnixMicros)>& to_instant) const;

private:
    // The characters of a number, in quotes or not; nullopt when absent, wrong_type when it is neither.
    std::optional<std::string_view> number_text(const json::Node* node, const Where& where,
                                                std::string_view wanted) const;
    std::optional<Decimal> number(const json::Node* node, const Where& where, std::string_view wanted) const;

    TextArena& arena_;
};

}  // namespace analytics
