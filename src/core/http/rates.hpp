// How fast a key may send: token buckets that are paid afterwards.
//
// How many events a request holds is known only when it has been read, and what a key's rate is only when it has been
// looked up. So a request is let in while the key is not in debt, and charged when it is done: the average holds, and
// no request is too large for a rate. A bucket holds one second's worth.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace analytics::http {

class Rates {
public:
    // Seconds until the key may send again; 0: now. Times are microseconds of a clock that does not go back.
    std::int64_t wait(const std::string& key, std::int64_t now) const;

    // `rate`: events per second; 0: no limit.
    void charge(const std::string& key, std::int64_t rate, std::int64_t events, std::int64_t now);

private:
    struct Bucket {
        std::int64_t rate;
        double tokens;
        std::int64_t at;

        double tokens_at(std::int64_t now) const;
    };
    std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace analytics::http
