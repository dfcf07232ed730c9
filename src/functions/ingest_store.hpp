// What the parser has to know of its surroundings: the settings of stores, time zones, the clock, random ids.
#pragma once

#include "core/event.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace analytics::ingest {

// The store a payload names when the caller names none; events sent to it may name another.
inline constexpr std::string_view kMainStore = "main";

// Reads each store's settings once. Needs an open pg::Connection; valid for one statement.
class Surroundings {
public:
    Surroundings();
    Surroundings(const Surroundings&) = delete;
    Surroundings& operator=(const Surroundings&) = delete;

    // The events of a payload sent to a store; an id that was made up here stands in no rejection. 42501 where the
    // caller may not write to the store.
    EventBatch read(std::string_view payload, Format format, std::string_view store);

    // Whether this id was made up here, for an event that was sent without one.
    bool made(std::string_view event_id) const { return event_id.ends_with(mark_); }

private:
    ParseContext context_for(std::string_view store);
    const StoreRules& rules(std::string_view store_id);
    std::string new_id() const;

    UnixMicros now_;
    std::string mark_;  // what ids made up here end with: nobody else can know it
    std::map<std::string, StoreRules, std::less<>> stores_;
};

}  // namespace analytics::ingest
