// How good lists of recommendations are, given what customers then did: the metrics of information retrieval, each the
// mean over customers of
//
//     precision  hits / k, where a hit is a recommended product that is relevant
//     recall     hits / relevant products
//     ndcg       sum over hits of 1 / log2(1 + place), divided by the same of a list that begins with all that is
//                relevant (K. Jarvelin, J. Kekalainen, "Cumulated gain-based evaluation of IR techniques", 2002)
//     map        sum over hits of the precision up to their place, divided by min(k, relevant products)
//     mrr        1 / place of the first hit
//     hit_rate   whether there is a hit
//
// and over all lists: coverage, the share of the products that are in any list; novelty, the mean over what is
// recommended of -log2(share of the customers who have it).
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace analytics::models {

struct RankingMetrics {
    std::size_t customers = 0;
    double precision = 0;
    double recall = 0;
    double ndcg = 0;
    double map = 0;
    double mrr = 0;
    double hit_rate = 0;
    double coverage = 0;
    double novelty = 0;
};

class RankingJudge {
public:
    // holders: of each product, how many of `customers` have it.
    RankingJudge(std::size_t k, std::span<const std::uint32_t> holders, std::size_t customers);

    // A list, best first, at most k of it count, and what was relevant, ascending, at least one.
    void add(std::span<const std::uint32_t> recommended, std::span<const std::uint32_t> relevant);

    // catalogue: of how many products lists could be made.
    RankingMetrics result(std::size_t catalogue) const;

private:
    std::size_t k_;
    std::vector<double> novelties_;  // of each product
    std::vector<bool> recommended_;  // each product
    RankingMetrics sums_;            // of the means
    std::size_t listed_ = 0;         // products in lists
};

}  // namespace analytics::models
