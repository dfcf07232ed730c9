#include "core/fields.hpp"

#include "core/error.hpp"
#include "core/quote.hpp"
#include "core/timestamp.hpp"

#include <limits>
#include <string>

namespace analytics {
namespace {

[[noreturn]] void reject_type(const Where& where, const json::Node& node, std::string_view wanted) {
    reject_event(reject::kWrongType, where,
                 std::string(where.key) + " is " + std::string(json::to_string(node.type)) + "; " +
                     std::string(wanted) + " is wanted");
}

bool is_absent(const json::Node* node) { return node == nullptr || node->type == json::Type::null; }

}  // namespace

std::optional<std::string_view> FieldReader::text(const json::Node* node, const Where& where) const {
    if (is_absent(node)) return std::nullopt;
    if (node->type != json::Type::string) reject_type(where, *node, "a string");
    if (node->content().empty()) return std::nullopt;
    if (!node->escaped) return node->content();
    std::string characters;
    json::unescape(node->content(), characters);
    return arena_.keep(characters);
}

std::optional<std::string_view> FieldReader::key(const json::Node* node, const Where& where) const {
    if (is_absent(node)) return std::nullopt;
    if (node->type != json::Type::string && node->type != json::Type::number) {
        reject_type(where, *node, "a string or a number");
    }
    const auto value = node->type == json::Type::number ? node->raw : text(node, where);
    if (value && value->size() > kMaxKeyBytes) {
        reject_event(
            reject::kKeyTooLong, where,
            std::string(where.key) + " has " + std::to_string(value->size()) + " bytes; at most 1024 are kept");
    }
    return value;
}

std::optional<bool> FieldReader::boolean(const json::Node* node, const Where& where) const {
    if (is_absent(node)) return std::nullopt;
    if (node->type != json::Type::boolean) reject_type(where, *node, "true or false");
    return node->raw.front() == 't';
}

std::optional<std::string_view> FieldReader::number_text(const json::Node* node, const Where& where,
                                                         std::string_view wanted) const {
    if (is_absent(node)) return std::nullopt;
    if (node->type == json::Type::number) return node->raw;
    if (node->type != json::Type::string) reject_type(where, *node, wanted);
    return text(node, where);
}

std::optional<Decimal> FieldReader::number(const json::Node* node, const Where& where, std::string_view wanted) const {
    const auto digits = number_text(node, where, wanted);
    if (!digits) return std::nullopt;
    try {
        if (const auto value = Decimal::parse(*digits)) return value;
    } catch (const Error&) {
        reject_event(reject::kOutOfRange, where,
                     std::string(where.key) + " is " + quoted(*digits) +
                         "; at most 22 significant digits are taken, 22 of them after the point");
    }
    reject_event(reject::kInvalidNumber, where,
                 std::string(where.key) + " is " + quoted(*digits) + "; " + std::string(wanted) + " is wanted");
}

std::optional<Decimal> FieldReader::money(const json::Node* node, const Where& where) const {
    const auto value = number(node, where, "a number like 19.90");
    if (value && value->is_negative()) {
        reject_event(reject::kOutOfRange, where,
                     std::string(where.key) + " is " + value->to_string() + "; it can't be negative");
    }
    return value;
}

std::optional<std::int32_t> FieldReader::count(const json::Node* node, const Where& where) const {
    const auto value = number(node, where, "a whole number");
    if (!value) return std::nullopt;
    __int128 unit = 1;
    for (int i = 0; i < value->scale(); ++i) unit *= 10;
    const __int128 whole = value->coefficient() / unit;
    if (whole * unit != value->coefficient()) {
        reject_event(reject::kInvalidNumber, where,
                     std::string(where.key) + " is " + value->to_string() + "; a whole number is wanted");
    }
    if (whole < 1 || whole > std::numeric_limits<std::int32_t>::max()) {
        reject_event(reject::kOutOfRange, where,
                     std::string(where.key) + " is " + value->to_string() + "; it must be from 1 to 2147483647");
    }
    return static_cast<std::int32_t>(whole);
}

std::optional<UnixMicros> FieldReader::timestamp(const json::Node* node, const Where& where, UnixMicros now,
                                                 const std::function<UnixMicros(UnixMicros)>& to_instant) const {
    static const UnixMicros earliest = midnight_micros(1990, 1, 1);
    constexpr std::string_view kWanted = "RFC 3339 like 2024-05-01T12:00:00Z, or seconds or milliseconds since 1970";

    const auto characters = number_text(node, where, kWanted);
    if (!characters) return std::nullopt;

    const auto reject_range = [&] {
        reject_event(reject::kTimestampOutOfRange, where,
                     std::string(where.key) + " is " + quoted(*characters) +
                         "; it must lie between 1990-01-01 and a day from now");
    };

    std::optional<UnixMicros> instant;
    if (const auto time = parse_rfc3339(*characters)) {
        instant = time->has_zone || !to_instant ? time->micros : to_instant(time->micros);
    } else {
        std::optional<Decimal> epoch;
        try {
            epoch = Decimal::parse(*characters);
        } catch (const Error&) {
            reject_range();
        }
        if (!epoch) {
            reject_event(
                reject::kInvalidTimestamp, where,
                std::string(where.key) + " is " + quoted(*characters) + "; " + std::string(kWanted) + " is wanted");
        }
        instant = epoch_to_micros(*epoch);
    }
    if (!instant || *instant < earliest || *instant > now + kMicrosPerDay) reject_range();
    return instant;
}

}  // namespace analytics
