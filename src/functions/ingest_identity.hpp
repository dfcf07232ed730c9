// Which events of a batch count: the rules of identity, apart from the table that holds the keys.
//
// A purchase that names its order is known by (store, 'o', order_id), every other event by (store, 'e', event_id). Of
// several with one identity the versions decide: (revision, updated_at), compared in this order, none before any time.
// In order of index an event counts when its version is higher than every one before it, in the table or the batch.
//
// A purchase known by its order whose event_id is not 'purchase:<order_id>' also claims that event_id, as an alias that
// leads to the order: an ordinary event of the same event_id is then a duplicate.
//
// Everything here is plain C++: no lock, no I/O. Views point into the EventBatch.
#pragma once

#include "core/event.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::ingest {

struct Version {
    std::int32_t revision = 1;
    std::optional<UnixMicros> updated_at;

    friend auto operator<=>(const Version&, const Version&) = default;

    // Whether there can be a version that this one is higher than.
    bool can_supersede() const { return revision > 1 || updated_at.has_value(); }
};

inline Version version_of(const Event& event) { return {event.revision, event.updated_at}; }

inline constexpr char kEventKind = 'e';
inline constexpr char kOrderKind = 'o';

// The primary key of event_key, in its order: bytes, as collation "C" has them.
struct KeyName {
    std::string_view store_id;
    std::string_view key;
    char kind = kEventKind;

    friend auto operator<=>(const KeyName&, const KeyName&) = default;
};

KeyName name_of(const Event& event);

// A row of event_key that was there before.
struct StandingKey {
    bool is_alias = false;  // leads to an order; the rest says nothing
    Version version;
    std::int32_t revision = 1;
    std::string event_id;  // of the lines that stand
    UnixMicros occurred_at = 0;
    std::int32_t lines = 0;
};

// One key that the batch asks for, with what is asked in its name.
struct Claim {
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    KeyName name;
    std::size_t alias_of =
        kNone;                   // event that claims its event_id as an alias of its order, before any other use of it
    std::size_t latest = kNone;  // highest version of the batch; the lower ones hang on it (Plan::lower)
    bool is_new = false;         // the key was not known
    std::optional<StandingKey> standing;  // what was known, where it was looked up

    bool is_alias() const { return alias_of != kNone; }
};

enum class Outcome : std::uint8_t {
    duplicate,
    accepted,    // its key is new
    supersedes,  // replaces what stood, in the table or earlier in the batch
    rejected,    // its order is unknown
};

inline bool counts(Outcome outcome) { return outcome == Outcome::accepted || outcome == Outcome::supersedes; }

// What a batch comes to. Claims are in the order of their names, each name once.
struct Plan {
    std::vector<Claim> claims;
    std::vector<Outcome> outcomes;  // of each event, by its place in the batch; valid after resolve()
    std::vector<std::size_t>
        lower;  // of each event: the next lower version of the batch that its claim knows, or kNone

    // Whether the claim's latest event is what shall stand. Lower versions of it may count too, but are not written.
    bool writes(const Claim& claim) const { return claim.latest != Claim::kNone && counts(outcomes[claim.latest]); }
};

// The keys that the events ask for; those of outcome rejected ask for none.
Plan make_plan(const std::vector<Event>& events, std::vector<Outcome> outcomes);

// The outcomes, once each claim's is_new is known, and its standing wherever a version of it can supersede.
void resolve(const std::vector<Event>& events, Plan& plan);

// Makes duplicates of the claim's events.
void leave_standing(Plan& plan, const Claim& claim);

// The claim of this name, or null.
const Claim* find_claim(const Plan& plan, const KeyName& name);

// The revision that the lines of this claim's latest event are written with.
std::int32_t written_revision(const std::vector<Event>& events, const Claim& claim);

}  // namespace analytics::ingest
