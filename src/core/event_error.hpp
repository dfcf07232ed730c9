// Why one event is not taken. Thrown while an event is read, caught where the batch is put together, so that it ends
// this event and no other; it never leaves the core.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace analytics {

// The words of the contract, as they stand in errors and in rejected_event.
namespace reject {
inline constexpr std::string_view kInvalidJson = "invalid_json";
inline constexpr std::string_view kNotAnObject = "not_an_object";
inline constexpr std::string_view kMissing = "missing";
inline constexpr std::string_view kWrongType = "wrong_type";
inline constexpr std::string_view kInvalidEventType = "invalid_event_type";
inline constexpr std::string_view kInvalidTimestamp = "invalid_timestamp";
inline constexpr std::string_view kTimestampOutOfRange = "timestamp_out_of_range";
inline constexpr std::string_view kInvalidNumber = "invalid_number";
inline constexpr std::string_view kOutOfRange = "out_of_range";
inline constexpr std::string_view kUnknownCurrency = "unknown_currency";
inline constexpr std::string_view kInvalidCountry = "invalid_country";
inline constexpr std::string_view kKeyTooLong = "key_too_long";
inline constexpr std::string_view kTooDeep = "too_deep";
inline constexpr std::string_view kInvalidUtf8 = "invalid_utf8";
inline constexpr std::string_view kNulCharacter = "nul_character";
inline constexpr std::string_view kStoreMismatch = "store_mismatch";
inline constexpr std::string_view kEventNotAllowed = "event_not_allowed";
}  // namespace reject

struct EventError {
    std::string_view code;
    std::string pointer;  // RFC 6901, relative to the event
    std::string message;
};

// A field of an event or of one of its items; turned into a pointer only when something is wrong with it.
struct Where {
    static constexpr std::size_t kNoItem = static_cast<std::size_t>(-1);

    std::string_view key;
    std::size_t item = kNoItem;

    std::string pointer() const {
        std::string text;
        if (item != kNoItem) text = "/items/" + std::to_string(item);
        if (!key.empty()) text.append("/").append(key);
        return text;
    }
};

struct ParseContext;

[[noreturn]] inline void reject_event(std::string_view code, const Where& where, std::string message) {
    throw EventError{code, where.pointer(), std::move(message)};
}

// Rejects what the sender may not send (ParseContext::event_types).
void require_allowed(const ParseContext& context, std::string_view event_type);

}  // namespace analytics
