#include "functions/recommender_reader.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace analytics::functions {
namespace {

constexpr std::array<Oid, 6> kTypes = {TEXTOID,   TEXTARRAYOID,   FLOAT8ARRAYOID,
                                       FLOAT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};

// In whole millionths, so that a sum is the same in whatever order it is made. Purchases count for the share of their
// units that did not come back.
pg::Statement interactions(R"(
SELECT s.customer_id, s.product_id,
       greatest(s.interest + s.purchased * greatest(0, least(1, 1 - s.returned / nullif(s.units, 0))), 0) / 1e6,
       greatest(s.early_interest + s.early_purchased
                * greatest(0, least(1, 1 - s.early_returned / nullif(s.early_units, 0))), 0) / 1e6,
       s.bought > 0, s.had > 0, s.bought > 0 AND s.had <= 0
  FROM (SELECT l.customer_id COLLATE "C" AS customer_id, l.product_id COLLATE "C" AS product_id,
               coalesce(sum(l.strength) FILTER (WHERE l.interest), 0)::float8 AS interest,
               coalesce(sum(l.strength) FILTER (WHERE l.purchase), 0)::float8 AS purchased,
               coalesce(sum(l.units) FILTER (WHERE l.purchase), 0)::float8 AS units,
               coalesce(sum(l.units) FILTER (WHERE l.refund), 0)::float8 AS returned,
               coalesce(sum(l.sign) FILTER (WHERE l.purchase), 0) AS bought,
               coalesce(sum(l.strength) FILTER (WHERE l.early AND l.interest), 0)::float8 AS early_interest,
               coalesce(sum(l.strength) FILTER (WHERE l.early AND l.purchase), 0)::float8 AS early_purchased,
               coalesce(sum(l.units) FILTER (WHERE l.early AND l.purchase), 0)::float8 AS early_units,
               coalesce(sum(l.units) FILTER (WHERE l.early AND l.refund), 0)::float8 AS early_returned,
               coalesce(sum(l.sign) FILTER (WHERE l.early AND l.purchase), 0) AS had
          FROM (SELECT e.customer_id, e.product_id, e.sign, e.sign * coalesce(e.quantity, 1) AS units,
                       e.event_type = 'purchase' AS purchase, e.event_type = 'refund' AS refund,
                       e.event_type NOT IN ('purchase', 'refund') AS interest, e.occurred_at < $6 AS early,
                       round(e.sign * 1e6 * coalesce($3[array_position($2, e.event_type)], 0)
                             * CASE WHEN $4 IS NULL THEN 1 ELSE
                                   exp(ln(2::float8) * least(greatest(date_part('epoch', e.occurred_at - $5) / $4, -100), 20))
                               END)::bigint AS strength
                  FROM analytics.event e
                 WHERE e.store_id = $1 AND e.excluded IS NULL AND e.customer_id IS NOT NULL AND e.product_id IS NOT NULL
                   AND e.line_kind = 'product' AND (e.event_type = ANY ($2) OR e.event_type IN ('purchase', 'refund'))) l
         GROUP BY 1, 2) s
 ORDER BY 1, 2)",
                           kTypes);

// Numbers of products, in the order in which they are met.
class Products {
public:
    explicit Products(models::MemoryBudget& budget) : budget_(budget) {}

    std::uint32_t number_of(std::string_view id) {
        const auto known = numbers_.find(id);
        if (known != numbers_.end()) {
            return known->second;
        }
        budget_.take(sizeof(std::pair<const std::string, std::uint32_t>) + 4 * sizeof(void*) + id.size());
        return numbers_.emplace(id, static_cast<std::uint32_t>(numbers_.size())).first->second;
    }

    // Their ids as bytes ascending; places[number] is where each of them stands.
    std::vector<std::string> sorted(std::vector<std::uint32_t>& places) const {
        std::vector<std::pair<std::string, std::uint32_t>> all(numbers_.begin(), numbers_.end());
        std::sort(all.begin(), all.end());
        std::vector<std::string> ids;
        ids.reserve(all.size());
        places.resize(all.size());
        for (auto& [id, number] : all) {
            places[number] = static_cast<std::uint32_t>(ids.size());
            ids.push_back(std::move(id));
        }
        return ids;
    }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };

    models::MemoryBudget& budget_;
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
};

}  // namespace

StoreInteractions read_interactions(const ReadOptions& options, models::MemoryBudget& budget) {
    StoreInteractions read;
    Products products(budget);
    const auto strength = [&](const pg::Row& row, int column, double scale) {
        return static_cast<float>(
            std::min(scale * DatumGetFloat8(*row.datum(column)), static_cast<double>(options.most)));
    };
    const auto take = [&](const pg::Row& row) {
        models::Interaction entry{};
        entry.strength = strength(row, 3, 1);
        entry.early = strength(row, 4, options.early_scale);
        entry.bought = row.boolean(5);
        entry.had = row.boolean(6);
        entry.came_to_it = !options.split.null && row.boolean(7);
        if (!(entry.strength > 0) && !(entry.early > 0) && !entry.bought && !entry.had) {
            return;
        }
        const std::string_view customer = row.text(1);
        if (read.customer_ids.empty() || read.customer_ids.back() != customer) {
            budget.take(customer.size());
            budget.push(read.customer_ids, std::string(customer));
            pg::check_for_interrupts();
        }
        entry.customer = static_cast<std::uint32_t>(read.customer_ids.size() - 1);
        entry.product = products.number_of(row.text(2));
        budget.push(read.entries, entry);
    };
    interactions.stream(
        {options.store, options.types, options.weights, options.half_life, options.reference, options.split},
        pg::Access::read_only, take);
    std::vector<std::uint32_t> places;
    read.product_ids = products.sorted(places);
    for (models::Interaction& entry : read.entries) {
        entry.product = places[entry.product];
    }
    read.customers = read.customer_ids.size();
    read.products = read.product_ids.size();
    return read;
}

}  // namespace analytics::functions
