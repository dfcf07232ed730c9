#include "core/models/top_products.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/models/factor_kernels.hpp"

namespace analytics::models {
namespace {

constexpr std::size_t kBlock = 64;    // products whose bounds are made at a time
constexpr std::size_t kTogether = 4;  // products whose inner products are
constexpr double kLeastFloat = std::numeric_limits<float>::denorm_min();

double length_of(std::span<const float> values) {
    return std::sqrt(std::accumulate(values.begin(), values.end(), 0.0, [](double sum, float value) {
        return sum + static_cast<double>(value) * static_cast<double>(value);
    }));
}

bool better(const ScoredProduct& a, const ScoredProduct& b) {
    return a.score > b.score || (a.score == b.score && a.product < b.product);
}

// The k best of what it is offered, a heap whose top is the least of them.
class Best {
public:
    Best(std::size_t k, std::size_t of) : k_(k) { scored_.reserve(std::min(k, of) + 1); }

    bool full() const { return scored_.size() == k_; }
    // What one must reach to be among them.
    double least() const {
        return full() ? static_cast<double>(scored_[0].score) : -std::numeric_limits<double>::infinity();
    }
    bool wants(const ScoredProduct& one) const { return k_ > 0 && (!full() || better(one, scored_[0])); }
    void take(const ScoredProduct& one) {
        if (full()) {
            std::pop_heap(scored_.begin(), scored_.end(), better);
            scored_.pop_back();
        }
        scored_.push_back(one);
        std::push_heap(scored_.begin(), scored_.end(), better);
    }
    std::vector<ScoredProduct> sorted() && {
        std::sort_heap(scored_.begin(), scored_.end(), better);
        return std::move(scored_);
    }

private:
    std::size_t k_;
    std::vector<ScoredProduct> scored_;
};

}  // namespace

struct TopProducts::Query {
    Query(std::span<const float> values, std::size_t stride) : exact(stride), rough(values) {
        std::copy(values.begin(), values.end(), exact.begin());
    }

    AlignedFloats exact;
    RoughRows::Query rough;
};

template <typename Score, typename Skip, typename Best>
void TopProducts::offer(const Query& query, std::size_t first, const Score& score, const Skip& skip, Best& best) const {
    std::array<double, kBlock> bounds;
    const std::size_t last = std::min(first + kBlock, size());
    rough_.bounds(query.rough, first, last - first, bounds.data());
    const auto hopeful = [&](std::size_t row) {
        return !(static_cast<double>(static_cast<float>(score(bounds[row - first], row))) < best.least());
    };
    std::array<float, kTogether> products;
    for (std::size_t begin = first; begin < last; begin += kTogether) {
        const std::size_t end = std::min(begin + kTogether, last);
        bool any = false;
        for (std::size_t row = begin; row < end; ++row) {
            any = any || hopeful(row);
        }
        if (!any) {
            continue;
        }
        inner_products(query.exact.data(), rows_.row(begin), end - begin, rows_.stride(), products.data());
        for (std::size_t row = begin; row < end; ++row) {
            const ScoredProduct one{numbers_[row],
                                    static_cast<float>(score(static_cast<double>(products[row - begin]), row))};
            if (best.wants(one) && !skip(one.product)) {
                best.take(one);
            }
        }
    }
}

TopProducts::TopProducts(const Factors& products)
    : rows_(products.rows(), products.columns()),
      numbers_(products.rows()),
      places_(products.rows()),
      lengths_(products.rows()) {
    std::vector<double> lengths(products.rows());
    for (std::size_t i = 0; i < products.rows(); ++i) {
        lengths[i] = length_of(products.values(i));
    }
    std::iota(numbers_.begin(), numbers_.end(), std::uint32_t{0});
    std::stable_sort(numbers_.begin(), numbers_.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return lengths[a] > lengths[b]; });
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
        std::copy_n(products.row(numbers_[i]), products.stride(), rows_.row(i));
        places_[numbers_[i]] = static_cast<std::uint32_t>(i);
        lengths_[i] = static_cast<float>(lengths[numbers_[i]] * (1 + kProductSlack));
    }
    rough_ = RoughRows(rows_);
}

std::vector<ScoredProduct> TopProducts::find_unless(std::span<const float> customer, std::size_t k,
                                                    const std::function<bool(std::uint32_t)>& skip,
                                                    std::size_t* looked_at) const {
    if (customer.size() != rows_.columns()) {
        throw Error(Code::invalid_parameter, "a customer has another number of factors than the products")
            .detail("The customer has " + std::to_string(customer.size()) + ", the products " +
                    std::to_string(rows_.columns()) + ".")
            .hint("Take factors of the same model.");
    }
    const Query query(customer, rows_.stride());
    const double length = length_of(customer) * (1 + kProductSlack);
    const double underflow = product_underflow(rows_.stride()) + length * kLeastFloat;
    Best best(k, size());
    std::size_t first = 0;
    for (; k > 0 && first < size(); first += kBlock) {
        if (length * static_cast<double>(lengths_[first]) + underflow < best.least()) {
            break;
        }
        offer(
            query, first, [](double product, std::size_t) { return product; }, skip, best);
    }
    if (looked_at != nullptr) {
        *looked_at = std::min(first, size());
    }
    return std::move(best).sorted();
}

std::vector<ScoredProduct> TopProducts::similar(std::uint32_t product, std::size_t k,
                                                const std::function<bool(std::uint32_t)>& skip) const {
    const double length = length_of(values(product));
    if (k == 0 || !(length > 0)) {
        return {};
    }
    const Query query(values(product), rows_.stride());
    Best best(k, size());
    for (std::size_t first = 0; first < size() && lengths_[first] > 0; first += kBlock) {
        offer(
            query, first,
            [&](double inner, std::size_t row) {
                const double cosine = inner / (length * static_cast<double>(lengths_[row]) / (1 + kProductSlack));
                return std::clamp(cosine, -1.0, 1.0);
            },
            [&](std::uint32_t other) { return other == product || !(lengths_[places_[other]] > 0) || skip(other); },
            best);
    }
    return std::move(best).sorted();
}

double TopProducts::cosine(std::uint32_t a, std::uint32_t b) const {
    const double lengths = static_cast<double>(lengths_[places_[a]]) * static_cast<double>(lengths_[places_[b]]) /
                           ((1 + kProductSlack) * (1 + kProductSlack));
    if (!(lengths > 0)) {
        return 0;
    }
    float product = 0;
    inner_products(rows_.row(places_[a]), rows_.row(places_[b]), 1, rows_.stride(), &product);
    return std::clamp(static_cast<double>(product) / lengths, -1.0, 1.0);
}

std::vector<ScoredProduct> TopProducts::find(std::span<const float> customer, std::size_t k,
                                             std::span<const std::uint32_t> excluded, std::size_t* looked_at) const {
    std::vector<std::uint32_t> sorted(excluded.begin(), excluded.end());
    std::sort(sorted.begin(), sorted.end());
    return find_unless(
        customer, k, [&](std::uint32_t product) { return std::binary_search(sorted.begin(), sorted.end(), product); },
        looked_at);
}

}  // namespace analytics::models
