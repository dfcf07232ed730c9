#include "core/rest/similar.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace analytics::rest {
namespace {

constexpr std::size_t kLongest = 256;  // of names: PostgreSQL's have 63 bytes, lists of parameters more

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::optional<std::string> most_similar(const std::vector<std::string>& candidates, std::string_view name,
                                        double least) {
    if (name.empty() || name.size() > kLongest) {
        return std::nullopt;
    }
    std::optional<std::string> best;
    double best_score = least;
    for (const std::string& candidate : candidates) {
        if (candidate.empty() || candidate.size() > kLongest) {
            continue;
        }
        const auto longer = static_cast<double>(std::max(candidate.size(), name.size()));
        const double score = 1 - static_cast<double>(distance(candidate, name)) / longer;
        if (score >= best_score && (!best || score > best_score)) {
            best = candidate;
            best_score = score;
        }
    }
    return best;
}

}  // namespace analytics::rest
