// Events as the core sees them: parsed, checked and normalised, ready to be written line by line.
//
// Lifetime: every std::string_view below points into the EventBatch that holds it (its arena) and lives as long.
// Money never passes through a double: prices and amounts are Decimals from the digits that were sent.
// The rules are those of docs/money.md; the shape of a native event is described in docs/ingestion.md.
#pragma once

#include "core/decimal.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace analytics {

// Microseconds since 1970-01-01 00:00:00 UTC.
using UnixMicros = std::int64_t;

enum class LineKind : std::uint8_t { product, gift_card, fee };

std::string_view to_string(LineKind kind);

// One row of analytics.event. Numbers are as the money rules leave them: amount is the line before discount, tax
// excluded; discount and tax are for the line; shipping is the order's and stands on line 1 alone.
struct EventLine {
    std::int16_t line = 1;
    std::optional<std::string_view> product_id;
    std::optional<std::int32_t> quantity;
    std::optional<Decimal> unit_price;  // as sent
    std::optional<Decimal> amount;
    std::optional<Decimal> discount;
    std::optional<Decimal> tax;
    std::optional<Decimal> shipping;
    LineKind kind = LineKind::product;
    // A JSON object's text, or empty: what the event itself carried beyond the known keys (on every line, so that each
    // can be reported by it), then name, category, brand and all else of the item. A name may occur twice: as in jsonb
    // the last one counts, so that the item wins.
    std::string_view properties;
};

// What a refund asks for when it lists no lines of its own.
enum class RefundScope : std::uint8_t { listed, full };

struct Event {
    std::size_t index = 0;  // place in the payload, from 0: array element or non-blank NDJSON line
    std::string_view store_id;
    std::string_view event_id;
    std::string_view event_type;
    UnixMicros occurred_at = 0;
    std::int32_t revision = 1;
    std::optional<UnixMicros> updated_at;  // the order's own version time, where the sender has one
    std::optional<std::string_view> customer_id, anonymous_id, session_id, order_id;
    std::string_view currency;
    bool currency_is_sent = false;  // else it is the store's
    bool tax_included = false;
    std::optional<std::string_view> channel, country, device, campaign;
    std::optional<std::string_view> excluded;  // test, bot, internal
    RefundScope scope = RefundScope::listed;   // full: lines is empty, the caller writes what the order has left
    std::vector<EventLine> lines;              // at least one unless scope is full
    std::string_view properties;               // scope full only: the event's own, as on a line
    std::string_view source;                   // the event's own JSON text, for rejected_event

    // One order once: a purchase that names its order is known by it, every other event by its id.
    bool known_by_order() const { return event_type == "purchase" && order_id.has_value(); }
};

// Why an event was not taken. code is one of the contract's words (invalid_json, missing, ...), pointer an RFC 6901
// JSON pointer relative to the event.
struct Rejection {
    std::size_t index = 0;
    std::optional<std::string_view> event_id;
    std::string_view store_id;
    std::string code;
    std::string pointer;
    std::string message;
    std::string_view source;  // what was sent, byte for byte
    bool is_json = true;      // whether source is a JSON value PostgreSQL's jsonb can hold
};

// Moves, but does not copy: the views would keep pointing into the original.
struct EventBatch {
    EventBatch() = default;
    EventBatch(EventBatch&&) = default;
    EventBatch& operator=(EventBatch&&) = default;

    std::vector<Event> events;          // in order of index
    std::vector<Rejection> rejections;  // in order of index
    std::deque<std::string> arena;      // owns what the views point to

    std::string_view keep(std::string text) { return arena.emplace_back(std::move(text)); }
};

// What the parser has to know of a store.
struct StoreRules {
    std::string currency = "USD";
    bool tax_included = false;
    bool is_allowed =
        true;  // whether this sender may write to the store; else its events are rejected with store_mismatch
    // Wall time in the store's zone (microseconds, as if UTC) to an instant; for timestamps sent without a zone.
    std::function<UnixMicros(UnixMicros wall_time)> to_instant;
};

struct ParseContext {
    std::string store = "main";   // the store argument of ingest()
    bool store_is_bound = false;  // an event that names another store is rejected with store_mismatch
    const std::vector<std::string>* event_types =
        nullptr;  // what this sender may send, others are rejected with event_not_allowed; null: all
    UnixMicros now = 0;
    std::function<const StoreRules&(std::string_view store_id)>
        rules;                                  // called once a store; the result must stay valid
    std::function<std::string()> new_event_id;  // a random id for events sent without one
};

enum class Format : std::uint8_t { automatic, native };

// The named format, or Error invalid_parameter listing those that exist.
Format parse_format(std::string_view name);

// Parses one object, an array of objects, or NDJSON. One bad event never spoils the others.
// Throws Error(invalid_text) when the whole payload is no JSON at all (not one line of it).
EventBatch parse_events(std::string_view payload, Format format, const ParseContext& context);

}  // namespace analytics
