#include "core/models/baskets.hpp"

#include <algorithm>
#include <numeric>

#include "core/cells/hash.hpp"

namespace analytics::models {

void Baskets::add(std::span<const Item> items) {
    const auto begin = static_cast<std::ptrdiff_t>(items_.size());
    items_.insert(items_.end(), items.begin(), items.end());
    std::sort(items_.begin() + begin, items_.end());
    items_.erase(std::unique(items_.begin() + begin, items_.end()), items_.end());
    ends_.push_back(items_.size());
    if (!items.empty()) {
        item_end_ = std::max(item_end_, std::size_t{items_.back()} + 1);
    }
}

void Baskets::renumber(std::span<const Item> numbers) {
    item_end_ = 0;
    auto begin = items_.begin();
    for (const std::size_t end : ends_) {
        const auto basket_end = items_.begin() + static_cast<std::ptrdiff_t>(end);
        std::transform(begin, basket_end, begin, [&](Item item) { return numbers[item]; });
        std::sort(begin, basket_end);
        if (begin != basket_end) {
            item_end_ = std::max(item_end_, std::size_t{*(basket_end - 1)} + 1);
        }
        begin = basket_end;
    }
}

void sample_basket(std::vector<Item>& items, std::uint64_t order_hash, std::size_t largest) {
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
    if (items.size() <= largest) {
        return;
    }
    // mix() of one hash gives different places different lots, so there are no ties
    std::vector<std::size_t> places(items.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    const auto end = places.begin() + static_cast<std::ptrdiff_t>(largest);
    std::nth_element(places.begin(), end, places.end(), [&](std::size_t a, std::size_t b) {
        return cells::mix(order_hash, a) < cells::mix(order_hash, b);
    });
    std::sort(places.begin(), end);
    for (std::size_t i = 0; i < largest; ++i) {
        items[i] = items[places[i]];  // places[i] >= i
    }
    items.resize(largest);
}

}  // namespace analytics::models
