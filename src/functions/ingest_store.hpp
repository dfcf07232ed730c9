// What the parser has to know of its surroundings: the settings of stores, time zones, the clock, random ids.
#pragma once

#include "core/event.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::ingest {

// The store a payload names when the caller names none; events sent to it may name another.
inline constexpr std::string_view kMainStore = "main";

// Who sends a payload.
struct Sender {
    std::string_view store;                                 // of events that name none
    bool store_is_bound = false;                            // others are rejected; any store but main is bound anyway
    const std::vector<std::string>* event_types = nullptr;  // what may be sent; null: all
};

// Why a payload is not taken at all, as ereport would say it.
struct Refusal {
    int sqlstate;
    std::string message, detail, hint;
};

// Reads each store's settings once. Needs an open pg::Connection; valid for one statement.
class Surroundings {
public:
    Surroundings();
    Surroundings(const Surroundings&) = delete;
    Surroundings& operator=(const Surroundings&) = delete;

    // The events of a payload sent to a store, visitors named; an id that was made up here stands in no rejection.
    // 42501 where the caller may not write to the store.
    EventBatch read(std::string_view payload, Format format, std::string_view store);

    // The two halves of it, for several payloads: parsing, which raises nothing but core errors unless a store's
    // settings can't be read, and naming.
    EventBatch parse(std::string_view payload, Format format, const Sender& sender);
    static void name_visitors(EventBatch& batch);

    // Why the caller may not write to the store, if so.
    std::optional<Refusal> refusal(std::string_view store);

    // Whether this id was made up here, for an event that was sent without one.
    bool made(std::string_view event_id) const { return event_id.ends_with(mark_); }

private:
    ParseContext context_for(const Sender& sender);
    const StoreRules& rules(std::string_view store_id);
    std::string new_id() const;

    UnixMicros now_;
    std::string mark_;  // what ids made up here end with: nobody else can know it
    std::map<std::string, StoreRules, std::less<>> stores_;
};

}  // namespace analytics::ingest
