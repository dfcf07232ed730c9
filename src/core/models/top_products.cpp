#include "core/models/top_products.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>

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

}  // namespace

TopProducts::TopProducts(const Factors& products)
    : rows_(products.rows(), products.columns()), numbers_(products.rows()), lengths_(products.rows()) {
    std::vector<double> lengths(products.rows());
    for (std::size_t i = 0; i < products.rows(); ++i) {
        lengths[i] = length_of(products.values(i));
    }
    std::iota(numbers_.begin(), numbers_.end(), std::uint32_t{0});
    std::stable_sort(numbers_.begin(), numbers_.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return lengths[a] > lengths[b]; });
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
        std::copy_n(products.row(numbers_[i]), products.stride(), rows_.row(i));
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
    std::vector<ScoredProduct> best;  // a heap whose top is the least of them
    best.reserve(std::min(k, size()) + 1);
    std::size_t first = 0;
    for (; k > 0 && first < size(); first += kBlock) {
        if (best.size() == k && length * static_cast<double>(lengths_[first]) < static_cast<double>(best[0].score)) {
            break;
        }
        const std::size_t count = std::min(kBlock, size() - first);
        inner_products(query.data(), rows_.row(first), count, rows_.stride(), scores.data());
        for (std::size_t i = 0; i < count; ++i) {
            const ScoredProduct one{numbers_[first + i], scores[i]};
            if ((best.size() == k && !better(one, best[0])) || skip(one.product)) {
                continue;
            }
            if (best.size() == k) {
                std::pop_heap(best.begin(), best.end(), better);
                best.pop_back();
            }
            best.push_back(one);
            std::push_heap(best.begin(), best.end(), better);
        }
    }
    if (looked_at != nullptr) {
        *looked_at = std::min(first, size());
    }
    std::sort_heap(best.begin(), best.end(), better);
    return best;
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
