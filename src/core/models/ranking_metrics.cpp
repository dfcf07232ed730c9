#include "core/models/ranking_metrics.hpp"

#include <algorithm>
#include <cmath>

namespace analytics::models {
namespace {

double discount(std::size_t place) { return 1 / std::log2(1 + static_cast<double>(place)); }

}  // namespace

RankingJudge::RankingJudge(std::size_t k, std::span<const std::uint32_t> holders, std::size_t customers)
    : k_(k), recommended_(holders.size()) {
    novelties_.reserve(holders.size());
    for (const std::uint32_t count : holders) {
        // (what nobody has is as rare as what half a customer has)
        novelties_.push_back(-std::log2(std::max(static_cast<double>(count), 0.5) /
                                        std::max<double>(static_cast<double>(customers), 1)));
    }
}

void RankingJudge::add(std::span<const std::uint32_t> recommended, std::span<const std::uint32_t> relevant) {
    const std::size_t shown = std::min(k_, recommended.size());
    const std::size_t possible = std::min(k_, relevant.size());
    std::size_t hits = 0;
    double gain = 0;
    double precisions = 0;
    for (std::size_t place = 1; place <= shown; ++place) {
        const std::uint32_t product = recommended[place - 1];
        recommended_[product] = true;
        sums_.novelty += novelties_[product];
        ++listed_;
        if (!std::binary_search(relevant.begin(), relevant.end(), product)) {
            continue;
        }
        sums_.mrr += hits == 0 ? 1 / static_cast<double>(place) : 0;
        ++hits;
        gain += discount(place);
        precisions += static_cast<double>(hits) / static_cast<double>(place);
    }
    double best = 0;
    for (std::size_t place = 1; place <= possible; ++place) {
        best += discount(place);
    }
    ++sums_.customers;
    sums_.precision += static_cast<double>(hits) / static_cast<double>(k_);
    sums_.recall += static_cast<double>(hits) / static_cast<double>(relevant.size());
    sums_.ndcg += gain / best;
    sums_.map += precisions / static_cast<double>(possible);
    sums_.hit_rate += hits > 0 ? 1 : 0;
}

RankingMetrics RankingJudge::result(std::size_t catalogue) const {
    RankingMetrics means = sums_;
    if (sums_.customers > 0) {
        const auto customers = static_cast<double>(sums_.customers);
        for (double RankingMetrics::*mean : {&RankingMetrics::precision, &RankingMetrics::recall, &RankingMetrics::ndcg,
                                             &RankingMetrics::map, &RankingMetrics::mrr, &RankingMetrics::hit_rate}) {
            means.*mean /= customers;
        }
    }
    means.novelty = listed_ > 0 ? sums_.novelty / static_cast<double>(listed_) : 0;
    means.coverage = catalogue > 0 ? static_cast<double>(std::count(recommended_.begin(), recommended_.end(), true)) /
                                         static_cast<double>(catalogue)
                                   : 0;
    return means;
}

}  // namespace analytics::models
