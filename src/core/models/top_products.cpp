#include "core/models/top_products.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/models/factor_kernels.hpp"

namespace analytics::models {
namespace {

constexpr std::size_t kBlock = 64;  // products whose inner products are made at a time

// An inner product of floats can come out above |x| |y| by rounding: by less than this share of it, as an eighth of the
// columns, of which there are at most 128, are added up one after another.
constexpr double kSlack = 1e-5;

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
    float least() const { return scored_[0].score; }
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
        lengths_[i] = static_cast<float>(lengths[numbers_[i]] * (1 + kSlack));
    }
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
    AlignedFloats query(rows_.stride());
    std::copy(customer.begin(), customer.end(), query.begin());
    const double length = length_of(customer) * (1 + kSlack);
    std::array<float, kBlock> scores;
    Best best(k, size());
    std::size_t first = 0;
    for (; k > 0 && first < size(); first += kBlock) {
        if (best.full() && length * static_cast<double>(lengths_[first]) < static_cast<double>(best.least())) {
            break;
        }
        const std::size_t count = std::min(kBlock, size() - first);
        inner_products(query.data(), rows_.row(first), count, rows_.stride(), scores.data());
        for (std::size_t i = 0; i < count; ++i) {
            const ScoredProduct one{numbers_[first + i], scores[i]};
            if (best.wants(one) && !skip(one.product)) {
                best.take(one);
            }
        }
    }
    if (looked_at != nullptr) {
        *looked_at = std::min(first, size());
    }
    return std::move(best).sorted();
}

std::vector<ScoredProduct> TopProducts::similar(std::uint32_t product, std::size_t k,
                                                const std::function<bool(std::uint32_t)>& skip) const {
    const double length = length_of(values(product));
    Best best(k, size());
    if (!(length > 0)) {
        return {};
    }
    std::array<float, kBlock> scores;
    for (std::size_t first = 0; first < size(); first += kBlock) {
        const std::size_t count = std::min(kBlock, size() - first);
        inner_products(rows_.row(places_[product]), rows_.row(first), count, rows_.stride(), scores.data());
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t other = numbers_[first + i];
            if (other == product || !(lengths_[first + i] > 0)) {
                continue;
            }
            const double cosine =
                static_cast<double>(scores[i]) / (length * static_cast<double>(lengths_[first + i]) / (1 + kSlack));
            const ScoredProduct one{other, static_cast<float>(std::clamp(cosine, -1.0, 1.0))};
            if (best.wants(one) && !skip(other)) {
                best.take(one);
            }
        }
    }
    return std::move(best).sorted();
}

double TopProducts::cosine(std::uint32_t a, std::uint32_t b) const {
    const double lengths = static_cast<double>(lengths_[places_[a]]) * static_cast<double>(lengths_[places_[b]]) /
                           ((1 + kSlack) * (1 + kSlack));
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
