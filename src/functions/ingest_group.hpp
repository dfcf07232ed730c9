// Several payloads stored together: what the HTTP server does with the requests that wait at one moment.
//
// Each payload is read on its own, as ingest() reads it; one that is no JSON, or that may not be sent, is answered with
// its own error and touches nobody. The events of all are then one batch (ingest_batch.hpp): one statement claims the
// keys of the whole group, in ascending order, so that groups never deadlock with each other or with ingest(). The
// result is cut, so that each member is told what ingest() would have told it had they come one after the other.
//
// Where it is not the same as one after the other
//   - Refunds look at the whole group, as they do at the whole of one payload: a full refund finds its order in a later
//     member, too; it takes what listed refunds of any member, and a corrected order, leave; and a refund without a
//     currency or customer follows an order that a later member brings. One after the other the first would be
//     rejected (unknown_order), and the others would go by what was there before.
//   - Versions that another member of the group supersedes count as accepted, and are not written: event holds the
//     last one alone, and its revision is the one sent, not one above that of the former.
//   - Everything commits together. Events without a time get that of the one transaction.
#pragma once

#include "core/event.hpp"
#include "functions/ingest_report.hpp"
#include "functions/ingest_store.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::ingest {

struct GroupMember {
    std::string_view payload;  // any bytes
    std::string_view format = "auto";
    std::string_view store = kMainStore;
    std::optional<std::vector<std::string>> event_types;  // what the sender may send; none: all
    bool store_is_bound = false;                          // the sender may write to `store` alone, be it main
};

struct GroupReply {
    Report report;                   // nothing, where there is
    std::optional<Refusal> refusal;  // why nothing of the payload was taken
};

// Stores the payloads and says what became of each, in order. Opens a pg::Connection of its own; needs a transaction
// with an active snapshot, the rights of the extension's owner, and search_path and jit as the SQL functions set them.
// What is no member's fault (a lock_timeout, a full disk) is thrown: the transaction is to be rolled back.
std::vector<GroupReply> ingest_group(std::span<const GroupMember> members);

}  // namespace analytics::ingest
