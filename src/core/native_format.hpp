// The native event (docs/ingestion.md): one JSON object to one Event.
#pragma once

#include "core/event.hpp"
#include "core/event_error.hpp"
#include "core/fields.hpp"
#include "core/json.hpp"
#include "core/store_book.hpp"
#include "core/text_arena.hpp"

#include <string>
#include <string_view>

namespace analytics {

class NativeFormat {
public:
    NativeFormat(const ParseContext& context, StoreBook& stores, TextArena& arena)
        : context_(context), stores_(stores), arena_(arena), fields_(arena) {}

    // Fills the event from an object without a flaw. Throws EventError; what was read until then stays in `event`.
    void read(const json::Node& root, Event& event);

private:
    struct EventSlots;
    struct ItemSlots;

    EventSlots gather_members(const json::Node& root);
    void gather_properties(const json::Node* properties);
    std::string_view name_of(const json::Node& member);
    const StoreEntry& read_identity(const EventSlots& slots, Event& event);
    void read_header(const EventSlots& slots, const StoreEntry& store, Event& event);
    void read_lines(const EventSlots& slots, const StoreEntry& store, Event& event);
    void read_items(const json::Node& items, Event& event);
    EventLine read_item(const json::Node& item, std::size_t index, bool needs_price);

    const ParseContext& context_;
    StoreBook& stores_;
    TextArena& arena_;
    FieldReader fields_;
    std::string members_;       // the event's own properties, as members without braces
    std::string item_members_;  // the same of the item being read
    std::string name_;          // a member's name without its escapes
};

}  // namespace analytics
