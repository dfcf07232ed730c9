// factor_candidates() and similar_by_factors(): the parts of recommend() and similar_products() that are computed from
// factors.
#include "core/models/implicit_als.hpp"
#include "core/models/top_products.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "functions/factor_cache.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/spi.hpp"

namespace analytics::functions {
namespace {

constexpr double kSurest = 999999;     // what alpha times a strength may be (models::fold_in)
constexpr std::size_t kReasons = 100;  // products of a customer that a recommendation is explained by, at most

struct Known {
    std::uint32_t product;
    double strength;
};

struct Texts {
    Datum* elements = nullptr;
    std::size_t size = 0;
};

// Of a text[] without nulls; null: none. In CurrentMemoryContext.
Texts texts_of(FunctionCallInfo call, int argument) {
    Texts texts;
    if (call->args[argument].isnull) {
        return texts;
    }
    int size = 0;
    bool has_nulls = false;
    pg::protect([&] {
        ArrayType* const array = DatumGetArrayTypeP(call->args[argument].value);
        has_nulls = array_contains_nulls(array);
        if (!has_nulls) {
            deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts.elements, nullptr, &size);
        }
    });
    if (has_nulls) {
        throw analytics::Error(Code::invalid_parameter, "a list of products holds nulls").hint("Leave them out.");
    }
    texts.size = static_cast<std::size_t>(size);
    return texts;
}

// Of an array of fixed width without nulls; null: none.
template <typename Value>
std::span<const Value> values_of(FunctionCallInfo call, int argument) {
    if (call->args[argument].isnull) {
        return {};
    }
    const ArrayType* const array = pg::protect([&] { return DatumGetArrayTypeP(call->args[argument].value); });
    if (array_contains_nulls(const_cast<ArrayType*>(array)) || ARR_NDIM(array) > 1) {
        throw analytics::Error(Code::invalid_parameter, "a list of numbers holds nulls").hint("Leave them out.");
    }
    return {reinterpret_cast<const Value*>(ARR_DATA_PTR(array)),
            ARR_NDIM(array) == 0 ? 0 : static_cast<std::size_t>(ARR_DIMS(array)[0])};
}

// Ascending; products that the model does not know are none.
std::vector<std::uint32_t> numbers_of(const Texts& texts, const ProductFactors& model) {
    std::vector<std::uint32_t> numbers;
    numbers.reserve(texts.size);
    for (std::size_t i = 0; i < texts.size; ++i) {
        if (const auto number = model.number_of(pg::text_view(texts.elements[i]))) {
            numbers.push_back(*number);
        }
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

// What the customer did, as known to the model and since: each product once, those of no strength left out.
std::vector<Known> history_of(FunctionCallInfo call, const ProductFactors& model, const Texts& news) {
    std::vector<Known> history;
    const auto products = values_of<std::int32_t>(call, 4);
    const auto strengths = values_of<float>(call, 5);
    const auto more = values_of<double>(call, 7);
    if (products.size() != strengths.size() || news.size != more.size()) {
        throw analytics::Error(Code::internal, "products and their strengths differ in number");
    }
    for (std::size_t i = 0; i < products.size(); ++i) {
        history.push_back({static_cast<std::uint32_t>(products[i]), static_cast<double>(strengths[i])});
    }
    for (std::size_t i = 0; i < news.size; ++i) {
        if (const auto number = model.number_of(pg::text_view(news.elements[i]))) {
            history.push_back({*number, more[i]});
        }
    }
    std::stable_sort(history.begin(), history.end(),
                     [](const Known& a, const Known& b) { return a.product < b.product; });
    std::vector<Known> merged;
    for (const Known& one : history) {
        if (one.product >= model.top().size()) {
            continue;
        }
        if (!merged.empty() && merged.back().product == one.product) {
            merged.back().strength += one.strength;
        } else {
            merged.push_back(one);
        }
    }
    std::erase_if(merged, [](const Known& one) { return !(one.strength > 0); });
    for (Known& one : merged) {
        one.strength = std::min(one.strength, kSurest / model.alpha());
    }
    return merged;
}

// The customer's factors solved anew from the history.
std::vector<float> solve(const std::vector<Known>& history, const ProductFactors& model) {
    models::Factors rows(history.size(), model.top().factors());
    std::vector<models::Strength> strengths;
    for (std::size_t i = 0; i < history.size(); ++i) {
        const auto values = model.top().values(history[i].product);
        std::copy(values.begin(), values.end(), rows.row(i));
        strengths.push_back({static_cast<std::uint32_t>(i), static_cast<float>(history[i].strength)});
    }
    return fold_in(strengths, rows, model.gram(), model.regularization(), model.alpha());
}

// The product of the history that speaks most for a recommended one, and their cosine.
std::optional<std::pair<std::uint32_t, double>> because(const std::vector<Known>& strongest, std::uint32_t product,
                                                        const ProductFactors& model) {
    std::optional<std::pair<std::uint32_t, double>> best;
    double most = 0;
    for (const Known& one : strongest) {
        const double cosine = model.top().cosine(one.product, product);
        const double says = one.strength * cosine;
        if (one.product != product && (!best || says > most)) {
            best.emplace(one.product, cosine);
            most = says;
        }
    }
    return best;
}

void put_row(FunctionCallInfo call, std::string_view product, double score, std::string_view reason, double value,
             bool has_reason) {
    auto* const result = reinterpret_cast<ReturnSetInfo*>(call->resultinfo);
    pg::protect([&] {
        std::array<Datum, 4> values = {pg::text_datum(product), Float8GetDatum(score), 0, 0};
        std::array<bool, 4> nulls = {false, false, !has_reason, !has_reason};
        if (has_reason) {
            values[2] = pg::text_datum(reason);
            values[3] = Float8GetDatum(value);
        }
        tuplestore_putvalues(result->setResult, result->setDesc, values.data(), nulls.data());
    });
}

Datum candidates(FunctionCallInfo call) {
    pg::protect([&] { InitMaterializedSRF(call, 0); });
    for (const int argument : {0, 1, 2, 10}) {
        if (call->args[argument].isnull) {
            return 0;
        }
    }
    const Texts news = texts_of(call, 6);
    const Texts skipped = texts_of(call, 8);
    const bool is_narrowed = !call->args[9].isnull;
    const Texts only = texts_of(call, 9);
    const auto factors = values_of<float>(call, 3);
    const auto k = static_cast<std::size_t>(std::max(DatumGetInt32(call->args[10].value), 0));
    const auto model = [&] {
        const pg::Connection connection;
        return product_factors(DatumGetInt64(call->args[0].value), DatumGetTimestampTz(call->args[1].value),
                               pg::protect([&] { return pg::text_view(call->args[2].value); }));
    }();
    std::vector<Known> history = history_of(call, *model, news);
    std::vector<float> customer(factors.begin(), factors.end());
    if (news.size > 0) {
        customer = history.empty() ? std::vector<float>() : solve(history, *model);
    }
    if (customer.size() != model->top().factors()) {
        return 0;
    }
    const auto skip = numbers_of(skipped, *model);
    const auto wanted = numbers_of(only, *model);
    const auto found = model->top().find_unless(customer, k, [&](std::uint32_t product) {
        return std::binary_search(skip.begin(), skip.end(), product) ||
               (is_narrowed && !std::binary_search(wanted.begin(), wanted.end(), product));
    });
    std::stable_sort(history.begin(), history.end(),
                     [](const Known& a, const Known& b) { return a.strength > b.strength; });
    history.resize(std::min(history.size(), kReasons));
    for (const models::ScoredProduct& one : found) {
        const auto reason = because(history, one.product, *model);
        put_row(call, model->id(one.product), static_cast<double>(one.score),
                reason ? model->id(reason->first) : std::string_view(), reason ? reason->second : 0,
                reason.has_value());
    }
    return 0;
}

Datum similar(FunctionCallInfo call) {
    pg::protect([&] { InitMaterializedSRF(call, 0); });
    for (const int argument : {0, 1, 2, 3, 5}) {
        if (call->args[argument].isnull) {
            return 0;
        }
    }
    const auto product = pg::protect([&] { return pg::text_view(call->args[3].value); });
    const Texts skipped = texts_of(call, 4);
    const auto k = static_cast<std::size_t>(std::max(DatumGetInt32(call->args[5].value), 0));
    const auto model = [&] {
        const pg::Connection connection;
        return product_factors(DatumGetInt64(call->args[0].value), DatumGetTimestampTz(call->args[1].value),
                               pg::protect([&] { return pg::text_view(call->args[2].value); }));
    }();
    const auto number = model->number_of(product);
    if (!number) {
        return 0;
    }
    const auto skip = numbers_of(skipped, *model);
    const auto found = model->top().similar(
        *number, k, [&](std::uint32_t other) { return std::binary_search(skip.begin(), skip.end(), other); });
    for (const models::ScoredProduct& one : found) {
        put_row(call, model->id(one.product), static_cast<double>(one.score), product, static_cast<double>(one.score),
                true);
    }
    return 0;
}

}  // namespace
}  // namespace analytics::functions

// model_id, trained_at, store, the customer's factors, products and strengths (recommender_customer), news: products
// and strengths, products to skip, products to choose from (null: all), how many
ANALYTICS_FUNCTION(analytics_factor_candidates) { return analytics::functions::candidates(fcinfo); }

// model_id, trained_at, store, product, products to skip, how many
ANALYTICS_FUNCTION(analytics_similar_by_factors) { return analytics::functions::similar(fcinfo); }
