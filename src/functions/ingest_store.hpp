// What the parser has to know of its surroundings: the settings of stores, time zones, the clock, random ids.
#pragma once

#include "core/event.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace analytics::ingest {

// The store a payload names when the caller names none; events sent to it may name another.
inline constexpr std::string_view kMainStore = "main";

// Reads each store's settings once. Needs an open pg::Connection; valid for one statement.
class Surroundings {
public:
    enum class Ids { forget, remember };

    explicit Surroundings(Ids ids = Ids::forget);
    Surroundings(const Surroundings&) = delete;
    Surroundings& operator=(const Surroundings&) = delete;

    // For parse_events(); valid while this lives.
    ParseContext context_for(std::string_view store);

    // Whether this id was made up here, for an event that was sent without one; where ids are remembered.
    bool made(std::string_view event_id) const { return made_ids_.contains(event_id); }

private:
    const StoreRules& rules(std::string_view store_id);

    std::string new_id();

    UnixMicros now_;
    Ids ids_;
    std::map<std::string, StoreRules, std::less<>> stores_;
    std::set<std::string, std::less<>> made_ids_;
};

}  // namespace analytics::ingest
