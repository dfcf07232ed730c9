// The table of keys, event_key: what a batch reads, claims and changes in it. Each function is one statement.
//
// All need an open pg::Connection. Names are passed in ascending order, each once: it is the order in which keys are
// claimed and locked, and what keeps concurrent batches from deadlock (ingest_batch.hpp).
#pragma once

#include "core/event.hpp"
#include "functions/ingest_identity.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pg/spi.hpp"

namespace analytics::ingest {

// The rows of these names, each at its name's place; nothing where there is none.
std::vector<std::optional<StandingKey>> look_up_keys(std::span<const KeyName> names, pg::Access access);
// The same, locked in order, as committed by then.
std::vector<std::optional<StandingKey>> lock_keys(std::span<const KeyName> names);

// Claims every name of the plan that is not known yet, and sets is_new of each claim. Waits for uncommitted claims of
// others.
void claim_keys(const std::vector<Event>& events, Plan& plan);

// What a key says from now on.
struct KeyChange {
    KeyName name;
    const Event* event;
    std::int32_t revision;
};

// Of keys that this transaction claimed or locked.
void change_keys(std::span<const KeyChange> changes);

// Gives up keys that this transaction claimed.
void release_keys(std::span<const KeyName> names);

// Makes a new version of each row, the same: a concurrent transaction of a fixed snapshot that read what belongs to
// these keys fails with 40001 instead of going by what it read.
void touch_keys(std::span<const KeyName> names);

}  // namespace analytics::ingest
