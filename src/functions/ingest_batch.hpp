// One batch of events, from what was parsed to what is stored: exactly once each, whatever runs at the same time.
//
// The steps, each a statement of its own where it touches a table:
//   0. event and its default partition are locked (ROW EXCLUSIVE), after the first partitions were made if there are
//   none;
//   1. orders of full refunds are looked up; a refund of an unknown order is rejected before anything is claimed;
//   2. phase 1: the keys of the whole batch are claimed, in ascending order, INSERT ... ON CONFLICT DO NOTHING;
//   3. phase 2: of the keys that were there, those that an event may supersede are locked, in ascending order,
//      SELECT ... FOR UPDATE, together with the keys of the orders that are refunded;
//   4. versions are compared (ingest_identity.hpp), the lines to be taken back and those of full refunds are read,
//      with a snapshot taken after the locks: what a lock waited for is seen, whole;
//   5. keys are changed, old lines are written with sign -1, new ones with +1, rejections are stored.
//
// Why overlapping batches, one a transaction, never deadlock
//   A batch that holds keys waits in two places only.
//   Phase 1 waits for a transaction that inserted, or updated, the key it is about to claim. Phase 2 waits for one that
//   locked or updated the key it is about to lock; never for an insert, since it locks only keys that are committed.
//   Who has entered phase 2 never waits in phase 1 again. So a circle of waiting batches that has a member in phase 2
//   lies in phase 2 altogether: each member waits for one that holds locks of phase 2. There everybody locks in
//   ascending order: each waits for a key above all those it holds, hence above the one that its predecessor waits for,
//   all around the circle, which is impossible. And a circle wholly in phase 1 is one of keys claimed in phase 1, in
//   ascending order, and impossible for the same reason.
//   Who makes or drops partitions locks the parent or the default partition against writers. Batches lock these two
//   before they hold any key, so that nobody waits for a key of a batch that waits for partitions. Several calls in one
//   transaction enter phase 1 while they hold keys, and can deadlock with each other; PostgreSQL then ends one of them
//   with 40P01.
//
// Isolation
//   READ COMMITTED: whoever comes second to a key waits for the first and then sees it. REPEATABLE READ and
//   SERIALIZABLE: the one that comes second to a key that changed since its snapshot fails with 40001, in phase 1 or 2.
//   A refund makes a new version of its order's key, so that a full one that did not see its lines fails too.
//
// Where the lines that a version should take back are gone (a partition dropped by retention), the version that stands
// is left alone, and what would replace it counts as a duplicate: taking back what is not there would leave figures
// doubled.
#pragma once

#include "core/event.hpp"
#include "functions/ingest_identity.hpp"
#include "functions/ingest_report.hpp"
#include "functions/ingest_store.hpp"

#include <cstddef>
#include <span>

#include "pg/spi.hpp"

namespace analytics::ingest {

// Stores a batch that was parsed in these surroundings, all but its rejections. Needs an open pg::Connection. Full
// refunds that are rejected join the batch's rejections.
Plan store_batch(EventBatch& batch, const Surroundings& surroundings);

// What store_batch() would do if nothing else went on. Reads only, locks nothing.
Plan preview_batch(EventBatch& batch, const Surroundings& surroundings);

// What became of some of a batch's events and rejections, whose indexes count from `first_index` on.
Report report_on(std::span<const Outcome> outcomes, std::span<const Rejection> rejections, std::size_t first_index);

// The same of all of it.
Report report_on(const EventBatch& batch, const Plan& plan);

}  // namespace analytics::ingest
