// basket_rules(): reads a store's baskets in one pass, and gives the rules that the core finds in them.
#include "core/models/basket_rules.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/cells/hash.hpp"
#include "pg/background_work.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/memory.hpp"
#include "pg/model_settings.hpp"
#include "pg/spi.hpp"

namespace {

namespace models = analytics::models;
namespace pg = analytics::pg;

struct Arguments {
    models::BasketRulesOptions options;
    Datum store = 0;
    pg::Parameter from;
    pg::Parameter to;
};

// min_support, min_confidence, max_length, store, from, to; the last two may be null
Arguments read_arguments(FunctionCallInfo call) {
    for (int i = 0; i < 4; ++i) {
        if (call->args[i].isnull) {
            throw analytics::Error(analytics::Code::invalid_parameter, "arguments must not be null")
                .hint("Only \"from\" and \"to\" may be: then all of the store's orders count.");
        }
    }
    Arguments arguments;
    arguments.options.min_support = DatumGetFloat8(call->args[0].value);
    arguments.options.min_confidence = DatumGetFloat8(call->args[1].value);
    arguments.options.max_length = DatumGetInt32(call->args[2].value);
    models::check(arguments.options);
    arguments.store = call->args[3].value;
    const auto store = pg::protect([&] { return pg::text_view(arguments.store); });
    if (store.empty() || store.size() > 1024) {
        throw analytics::Error(analytics::Code::invalid_parameter, "invalid store").hint("Pass a store's id.");
    }
    if (!call->args[4].isnull) {
        arguments.from = call->args[4].value;
    }
    if (!call->args[5].isnull) {
        arguments.to = call->args[5].value;
    }
    if (!arguments.from.null && !arguments.to.null &&
        DatumGetTimestampTz(arguments.from.value) > DatumGetTimestampTz(arguments.to.value)) {
        throw analytics::Error(analytics::Code::invalid_parameter, "invalid range")
            .hint("Pass \"from\" before \"to\", which is not part of the range.");
    }
    return arguments;
}

// Baskets as they are read, order by order, the products of each by their ids. Numbers follow the ids once all are
// known.
class BasketReader {
public:
    // key: one letter, and the order's id or, without one, the event's
    void take(std::string_view key, std::string_view product) {
        if (key != key_) {
            finish_basket();
            key_ = key;
        }
        basket_.push_back(number_of(product));
    }

    // The products' ids, by number.
    std::vector<std::string> finish() {
        finish_basket();
        std::vector<std::pair<std::string_view, models::Item>> sorted(numbers_.begin(), numbers_.end());
        std::sort(sorted.begin(), sorted.end());
        std::vector<models::Item> numbers(sorted.size());
        std::vector<std::string> products;
        for (const auto& [product, number] : sorted) {
            numbers[number] = static_cast<models::Item>(products.size());
            products.emplace_back(product);
        }
        baskets_.renumber(numbers);
        return products;
    }

    const models::Baskets& baskets() const { return baskets_; }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };

    models::Item number_of(std::string_view product) {
        const auto known = numbers_.find(product);
        if (known != numbers_.end()) {
            return known->second;
        }
        name_bytes_ += product.size() + kPerName;
        const auto number = static_cast<models::Item>(numbers_.size());
        numbers_.emplace(product, number);
        return number;
    }

    void finish_basket() {
        if (basket_.empty()) {
            return;
        }
        if (basket_.size() > models::kLargestBasket) {
            // which of them depends on the order's id and on theirs, not on the numbers they have so far
            std::vector<models::Item> places(basket_.size());
            std::iota(places.begin(), places.end(), models::Item{0});
            models::sample_basket(places, analytics::cells::murmur3(std::string_view(key_).substr(1)).low);
            for (std::size_t i = 0; i < places.size(); ++i) {
                basket_[i] = basket_[places[i]];  // places[i] >= i
            }
            basket_.resize(places.size());
        }
        baskets_.add(basket_);
        basket_.clear();
        memory_.require_memory(baskets_.memory() + name_bytes_);
    }

    static constexpr std::size_t kPerName = 2 * (sizeof(std::string) + 32);  // here, and in what finish() returns

    const models::Task memory_{1, pg::model_memory()};
    std::unordered_map<std::string, models::Item, Hash, std::equal_to<>> numbers_;
    std::size_t name_bytes_ = 0;
    std::string key_;
    std::vector<models::Item> basket_;
    models::Baskets baskets_;
};

void read_baskets(const Arguments& arguments, BasketReader& reader) {
    static constexpr std::array kStore = {Oid{TEXTOID}};
    static pg::Statement kMaySee("SELECT analytics.require_store($1)", kStore);
    static constexpr std::array kRange = {Oid{TEXTOID}, Oid{TIMESTAMPTZOID}, Oid{TIMESTAMPTZOID}};
    static pg::Statement kLines(
        "SELECT l.key, l.product_id"
        "  FROM (SELECT coalesce('o' || e.order_id, 'e' || e.event_id) COLLATE \"C\" AS key,"
        "               e.product_id COLLATE \"C\" AS product_id, e.sign"
        "          FROM analytics.event e"
        "         WHERE e.store_id = $1 AND e.event_type = 'purchase' AND e.line_kind = 'product'"
        "           AND e.product_id IS NOT NULL AND e.excluded IS NULL"
        "           AND e.occurred_at >= coalesce($2, '-infinity') AND e.occurred_at < coalesce($3, 'infinity')) l"
        " GROUP BY l.key, l.product_id HAVING sum(l.sign) > 0"
        " ORDER BY l.key, l.product_id",
        kRange);
    const pg::Connection connection;
    kMaySee.execute({arguments.store}, pg::Access::read_only);
    kLines.stream({arguments.store, arguments.from, arguments.to}, pg::Access::read_only,
                  [&](const pg::Row& row) { reader.take(row.text(1), row.text(2)); });
}

void put_rules(ReturnSetInfo* result, const models::BasketRules& rules, const std::vector<std::string>& products) {
    pg::Memory memory("analytics rule");
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (i % 1024 == 0) {
            pg::check_for_interrupts();
        }
        const auto rule = rules[i];
        const auto measures = models::measures_of(rule.counts);
        memory.inside([&] {
            pg::protect([&] {
                std::array<Datum, 12> values = {
                    pg::text_array(rule.antecedent.size(),
                                   [&](std::size_t k) { return std::string_view(products[rule.antecedent[k]]); }),
                    pg::text_datum(products[rule.consequent]),
                    Int64GetDatum(rule.counts.antecedent),
                    Int64GetDatum(rule.counts.consequent),
                    Int64GetDatum(rule.counts.both),
                    Float8GetDatum(measures.support),
                    Float8GetDatum(measures.confidence),
                    Float8GetDatum(measures.lift),
                    Float8GetDatum(measures.leverage),
                    Float8GetDatum(measures.conviction),
                    Float8GetDatum(measures.zhang),
                    Float8GetDatum(measures.p_value)};
                std::array<bool, 12> nulls{};
                tuplestore_putvalues(result->setResult, result->setDesc, values.data(), nulls.data());
            });
        });
    }
}

}  // namespace

ANALYTICS_FUNCTION(analytics_basket_rules) {
    const Arguments arguments = read_arguments(fcinfo);
    pg::protect([&] { InitMaterializedSRF(fcinfo, 0); });
    BasketReader reader;
    read_baskets(arguments, reader);
    const auto products = reader.finish();
    const auto rules = pg::in_background(
        [&](models::Task& task) { return models::basket_rules(reader.baskets(), arguments.options, task); });
    put_rules(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), rules, products);
    return 0;
}
