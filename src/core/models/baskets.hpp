// Baskets: sets of products, as numbers. Numbers are best given without gaps, since arrays are as long as the largest,
// and in the order of the products' ids, since answers are ordered by them.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace analytics::models {

using Item = std::uint32_t;

// All baskets in one array, one after another.
class Baskets {
public:
    // In any order; an item that is repeated counts once.
    void add(std::span<const Item> items);
    // Each item becomes numbers[item]; no two become the same.
    void renumber(std::span<const Item> numbers);

    std::size_t size() const { return ends_.size(); }
    // Ascending, each once.
    std::span<const Item> operator[](std::size_t basket) const {
        const std::size_t begin = basket == 0 ? 0 : ends_[basket - 1];
        return {items_.data() + begin, ends_[basket] - begin};
    }
    // One more than the largest item.
    std::size_t item_end() const { return item_end_; }
    // Bytes.
    std::size_t memory() const { return items_.capacity() * sizeof(Item) + ends_.capacity() * sizeof(std::size_t); }

private:
    std::vector<Item> items_;
    std::vector<std::size_t> ends_;
    std::size_t item_end_ = 0;
};

constexpr std::size_t kLargestBasket = 100;

// Leaves `largest` items of a basket that has more, each as likely as any other, ascending and each once. Which ones
// the order's hash says, and their places among the basket's items: as long as items are numbered in the order of the
// products' ids, it is always the same products of that order, whatever other orders there are.
void sample_basket(std::vector<Item>& items, std::uint64_t order_hash, std::size_t largest = kLargestBasket);

}  // namespace analytics::models
