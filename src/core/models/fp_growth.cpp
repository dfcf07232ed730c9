#include "core/models/fp_growth.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "core/cells/hash.hpp"
#include "core/error.hpp"

namespace analytics::models {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kRoot = 0;

struct Node {
    std::uint32_t rank;
    std::uint32_t parent;
    std::uint32_t count;
    std::uint32_t next;  // of the same rank; kRoot: none
};

// Nodes are where they were made: parents before their children.
struct Tree {
    std::vector<Node> nodes;
    std::vector<Item> items;            // by rank
    std::vector<std::uint32_t> counts;  // by rank
    std::vector<std::uint32_t> first;   // by rank: a node
    bool is_path = true;
};

// The nodes of the tree that is being built, by parent and rank: open addressing, used for one tree after another.
class Children {
public:
    explicit Children(MemoryBudget& budget) : budget_(budget) {}

    void begin() { clear(64); }

    // The child, which is made when there is none.
    std::uint32_t child(Tree& tree, std::uint32_t parent, std::uint32_t rank) {
        std::size_t place = place_of(parent, rank);
        for (; places_[place] != kRoot; place = (place + 1) & mask_) {
            const Node& node = tree.nodes[places_[place]];
            if (node.parent == parent && node.rank == rank) {
                return places_[place];
            }
        }
        const std::size_t made = tree.nodes.size();
        if (made == kNone) {
            throw Error(Code::limit_exceeded, "there are too many different baskets")
                .hint("Raise the minimal support, or give it less data.");
        }
        tree.is_path = tree.is_path && parent + 1 == made;
        budget_.push(tree.nodes, {rank, parent, 0, tree.first[rank]});
        tree.first[rank] = static_cast<std::uint32_t>(made);
        places_[place] = static_cast<std::uint32_t>(made);
        if (made * 2 > mask_) {
            grow(tree);
        }
        return static_cast<std::uint32_t>(made);
    }

private:
    std::size_t place_of(std::uint32_t parent, std::uint32_t rank) const { return cells::mix(parent, rank) & mask_; }

    void clear(std::size_t size) {
        if (places_.size() < size) {
            budget_.resize(places_, size, kRoot);
        }
        std::fill_n(places_.begin(), size, kRoot);
        mask_ = size - 1;
    }

    void grow(const Tree& tree) {
        clear((mask_ + 1) * 2);
        for (std::size_t i = 1; i < tree.nodes.size(); ++i) {
            std::size_t place = place_of(tree.nodes[i].parent, tree.nodes[i].rank);
            while (places_[place] != kRoot) {
                place = (place + 1) & mask_;
            }
            places_[place] = static_cast<std::uint32_t>(i);
        }
    }

    MemoryBudget& budget_;
    std::vector<std::uint32_t> places_;  // the first mask_ + 1 are in use
    std::size_t mask_ = 0;
};

class FpGrowth {
public:
    FpGrowth(const FpGrowthOptions& options, MemoryBudget& budget, const ItemsetSink& sink)
        : min_count_(options.min_count),
          max_length_(static_cast<std::size_t>(options.max_length)),
          budget_(budget),
          sink_(sink),
          children_(budget),
          trees_(max_length_) {}

    void run(const Baskets& baskets) {
        budget_.task().set_progress("frequent itemsets, " + std::to_string(baskets.size()) + " baskets");
        plant(baskets);
        mine(0);
    }

private:
    // The first tree.
    void plant(const Baskets& baskets) {
        Tree& tree = trees_[0];
        std::vector<std::uint32_t> counts;
        budget_.resize(counts, baskets.item_end(), 0U);
        for (std::size_t i = 0; i < baskets.size(); ++i) {
            for (const Item item : baskets[i]) {
                ++counts[item];
            }
        }
        for (std::size_t item = 0; item < counts.size(); ++item) {
            if (counts[item] > 0 && counts[item] >= min_count_) {
                budget_.push(tree.items, static_cast<Item>(item));
            }
        }
        std::sort(tree.items.begin(), tree.items.end(),
                  [&](Item a, Item b) { return counts[a] != counts[b] ? counts[a] > counts[b] : a < b; });
        std::vector<std::uint32_t> ranks;
        budget_.resize(ranks, counts.size(), kNone);
        for (std::size_t rank = 0; rank < tree.items.size(); ++rank) {
            ranks[tree.items[rank]] = static_cast<std::uint32_t>(rank);
            budget_.push(tree.counts, counts[tree.items[rank]]);
        }
        budget_.resize(counts_, tree.items.size(), 0U);
        budget_.resize(ranks_, tree.items.size(), kNone);
        begin_nodes(tree);
        for (std::size_t i = 0; i < baskets.size(); ++i) {
            budget_.task().stop_if_cancelled();
            path_.clear();
            for (const Item item : baskets[i]) {
                if (ranks[item] != kNone) {
                    budget_.push(path_, ranks[item]);
                }
            }
            std::sort(path_.begin(), path_.end());
            insert(tree, 1);
        }
        budget_.give_back(counts);
        budget_.give_back(ranks);
    }

    void begin_nodes(Tree& tree) {
        tree.nodes.clear();
        budget_.push(tree.nodes, {kNone, kNone, 0, kRoot});
        tree.first.clear();
        budget_.resize(tree.first, tree.items.size(), kRoot);
        tree.is_path = true;
        children_.begin();
    }

    void insert(Tree& tree, std::uint32_t count) {
        std::uint32_t node = kRoot;
        for (const std::uint32_t rank : path_) {
            node = children_.child(tree, node, rank);
            tree.nodes[node].count += count;
        }
    }

    void mine(std::size_t depth) {
        const Tree& tree = trees_[depth];
        if (tree.is_path) {
            mine_path(tree, tree.items.size(), kNone);
            return;
        }
        for (std::uint32_t rank = 0; rank < tree.items.size(); ++rank) {
            if (depth == 0) {
                budget_.task().set_progress("frequent itemsets, item " + std::to_string(rank + 1) + " of " +
                                            std::to_string(tree.items.size()));
            }
            push(tree.items[rank]);
            emit(tree.counts[rank]);
            if (set_.size() < max_length_ && rank > 0) {
                count_above(tree, rank);
                if (set_.size() + 1 == max_length_) {
                    emit_last(tree);  // the counts say all, no tree is needed
                } else if (grow_tree(tree, rank, trees_[depth + 1])) {
                    mine(depth + 1);
                }
            }
            pop(tree.items[rank]);
        }
    }

    // All sets of the items of a path: each is in as many baskets as reach the lowest of its nodes.
    void mine_path(const Tree& tree, std::size_t end, std::uint32_t count) {
        for (std::size_t rank = 0; rank < end; ++rank) {
            const std::uint32_t here = std::min(count, tree.counts[rank]);
            push(tree.items[rank]);
            emit(here);
            if (set_.size() < max_length_) {
                mine_path(tree, rank, here);
            }
            pop(tree.items[rank]);
        }
    }

    // What is together with the rank: met_ are the ranks that are often enough, ascending, with counts_.
    void count_above(const Tree& tree, std::uint32_t rank) {
        met_.clear();
        for (std::uint32_t node = tree.first[rank]; node != kRoot; node = tree.nodes[node].next) {
            budget_.task().stop_if_cancelled();
            const std::uint32_t count = tree.nodes[node].count;
            for (std::uint32_t up = tree.nodes[node].parent; up != kRoot; up = tree.nodes[up].parent) {
                std::uint32_t& sum = counts_[tree.nodes[up].rank];
                if (sum == 0) {
                    budget_.push(met_, tree.nodes[up].rank);
                }
                sum += count;
            }
        }
        std::erase_if(met_, [&](std::uint32_t met) {
            if (counts_[met] >= min_count_) {
                return false;
            }
            counts_[met] = 0;
            return true;
        });
        std::sort(met_.begin(), met_.end());
    }

    void emit_last(const Tree& tree) {
        for (const std::uint32_t met : met_) {
            push(tree.items[met]);
            emit(counts_[met]);
            pop(tree.items[met]);
            counts_[met] = 0;
        }
    }

    // The tree of what was counted. Whether there is any.
    bool grow_tree(const Tree& tree, std::uint32_t rank, Tree& grown) {
        if (met_.empty()) {
            return false;
        }
        grown.items.clear();
        grown.counts.clear();
        for (std::size_t i = 0; i < met_.size(); ++i) {
            budget_.push(grown.items, tree.items[met_[i]]);
            budget_.push(grown.counts, counts_[met_[i]]);
            ranks_[met_[i]] = static_cast<std::uint32_t>(i);
            counts_[met_[i]] = 0;
        }
        begin_nodes(grown);
        for (std::uint32_t node = tree.first[rank]; node != kRoot; node = tree.nodes[node].next) {
            budget_.task().stop_if_cancelled();
            path_.clear();
            for (std::uint32_t up = tree.nodes[node].parent; up != kRoot; up = tree.nodes[up].parent) {
                if (ranks_[tree.nodes[up].rank] != kNone) {
                    budget_.push(path_, ranks_[tree.nodes[up].rank]);
                }
            }
            std::reverse(path_.begin(), path_.end());
            insert(grown, tree.nodes[node].count);
        }
        for (const std::uint32_t met : met_) {
            ranks_[met] = kNone;
        }
        return true;
    }

    void push(Item item) { set_.insert(std::lower_bound(set_.begin(), set_.end(), item), item); }
    void pop(Item item) { set_.erase(std::lower_bound(set_.begin(), set_.end(), item)); }

    void emit(std::uint32_t count) {
        budget_.task().stop_if_cancelled();
        sink_(set_, count);
    }

    std::uint64_t min_count_;
    std::size_t max_length_;
    MemoryBudget& budget_;
    const ItemsetSink& sink_;
    Children children_;
    std::vector<Tree> trees_;  // each of what is frequent with the items of set_ so far; room is used again
    std::vector<Item> set_;    // ascending
    // For one tree at a time, by the ranks of the tree that it is taken from; between uses 0 and kNone.
    std::vector<std::uint32_t> counts_;
    std::vector<std::uint32_t> ranks_;
    std::vector<std::uint32_t> met_;
    std::vector<std::uint32_t> path_;
};

}  // namespace

void fp_growth(const Baskets& baskets, const FpGrowthOptions& options, MemoryBudget& budget, const ItemsetSink& sink) {
    if (options.min_count < 1) {
        throw Error(Code::invalid_parameter, "the minimal count is out of range").hint("It must be at least 1.");
    }
    if (options.max_length < 1 || options.max_length > 100) {
        throw Error(Code::invalid_parameter, "max_length is out of range")
            .detail("It is " + std::to_string(options.max_length) + ".")
            .hint("It may be from 1 to 100.");
    }
    if (baskets.size() >= kNone) {
        throw Error(Code::limit_exceeded, "there are too many baskets").hint("Give it less data.");
    }
    budget.take(baskets.memory());
    FpGrowth(options, budget, sink).run(baskets);
}

}  // namespace analytics::models
