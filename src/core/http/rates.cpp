#include "core/http/rates.hpp"

#include <algorithm>
#include <cmath>

namespace analytics::http {

double Rates::Bucket::tokens_at(std::int64_t now) const {
    const auto full = static_cast<double>(rate);
    return std::min(full, tokens + full * static_cast<double>(now - at) / 1e6);
}

std::int64_t Rates::wait(const std::string& key, std::int64_t now) const {
    const auto found = buckets_.find(key);
    if (found == buckets_.end()) {
        return 0;
    }
    const double tokens = found->second.tokens_at(now);
    // a fraction of an event is no reason to let one pass
    return tokens >= 1 ? 0
                       : std::max<std::int64_t>(
                             1, std::llround(std::ceil((1 - tokens) / static_cast<double>(found->second.rate))));
}

void Rates::charge(const std::string& key, std::int64_t rate, std::int64_t events, std::int64_t now) {
    if (rate <= 0) {
        buckets_.erase(key);
        return;
    }
    auto& bucket = buckets_.try_emplace(key, Bucket{rate, static_cast<double>(rate), now}).first->second;
    bucket.tokens = std::min(bucket.tokens_at(now), static_cast<double>(rate)) - static_cast<double>(events);
    bucket.rate = rate;
    bucket.at = now;
}

}  // namespace analytics::http
