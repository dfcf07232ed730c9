// What customers did with products, read from the events of a store for fit_recommender() and evaluate_recommender().
#pragma once

#include "core/models/memory_budget.hpp"
#include "core/models/recommender.hpp"

#include <string>
#include <vector>

#include "pg/spi.hpp"

namespace analytics::functions {

struct ReadOptions {
    pg::Parameter store;
    pg::Parameter types;      // text[]
    pg::Parameter weights;    // double precision[], one for each type
    pg::Parameter half_life;  // seconds; null: events do not age
    pg::Parameter reference;  // timestamptz that ages are counted from
    pg::Parameter split;      // timestamptz; null: nothing is early
    double early_scale = 1;   // of what is early, so that ages are counted from the split
    float most = 0;           // a strength is cut off here
};

struct StoreInteractions : models::Interactions {
    std::vector<std::string> customer_ids;  // as bytes ascending
    std::vector<std::string> product_ids;   // as bytes ascending
};

// Needs an open Connection; with the caller's snapshot.
StoreInteractions read_interactions(const ReadOptions& options, models::MemoryBudget& budget);

}  // namespace analytics::functions
