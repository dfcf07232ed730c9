// Full refunds: {"event": "refund", "full": true, "order_id": ...} gives back whatever the order has left.
//
// What an order has left is what it bought less what its refunds gave back, in the table and in the batch, in order of
// index among full refunds: of two in one batch the second finds nothing left. Nothing is written here; the lines are
// put into the events, so that ingest() and validate() come to the same.
#pragma once

#include "core/event.hpp"
#include "functions/ingest_identity.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "pg/spi.hpp"

namespace analytics::ingest {

inline bool is_full_refund(const Event& event) { return event.scope == RefundScope::full; }

// Marks as rejected each full refund whose order neither stands nor is bought in this batch. Reads the keys of orders.
std::vector<Outcome> reject_unknown_orders(const std::vector<Event>& events, pg::Access access);

// The orders of the refunds that may be written (a full one must not miss a listed one that is under way), ascending,
// each once; to be asked once each claim's is_new is known.
std::vector<KeyName> refunded_orders(const std::vector<Event>& events, const Plan& plan);

// A full refund whose lines can't be told, since the order's numbers are beyond all reason.
struct FailedRefund {
    std::size_t event;
    std::string message;
};

// Fills the lines of the full refunds that the plan writes, and from the order what they leave out; returns those that
// fail. standing[i] is the key of orders[i] where it was there before the batch.
std::vector<FailedRefund> fill_full_refunds(EventBatch& batch, const Plan& plan, const std::vector<KeyName>& orders,
                                            const std::vector<std::optional<StandingKey>>& standing, pg::Access access);

}  // namespace analytics::ingest
