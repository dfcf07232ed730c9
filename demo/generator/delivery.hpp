// Puts texts into the order in which they are due. Days come one after the other; what is due within the next
// kDaysAhead may be added at any time, and waits in its day's bucket until that day is written.
#pragma once

#include "shop.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace traffic {

class Delivery {
public:
    static constexpr Day kDaysAhead = 31;

    Delivery(Day first_day, std::FILE* out) : today_(first_day), out_(out) {}

    void add(Millis due, std::string_view text) {
        const auto day = std::max(due / kDay, today_);
        if (day > today_ + kDaysAhead) throw std::logic_error("an event is due too far ahead");
        auto& bucket = bucket_of(day);
        bucket.entries.push_back({due, bucket.text.size(), text.size()});
        bucket.text.append(text);
    }

    // Writes today's bucket in order of time, equal times in order of arrival; then it is tomorrow.
    void end_day() {
        auto& bucket = bucket_of(today_++);
        std::ranges::stable_sort(bucket.entries, {}, &Entry::due);
        for (const auto& entry : bucket.entries) ready_.append(bucket.text, entry.begin, entry.size);
        bucket.entries.clear();
        bucket.text.clear();
        write();
    }

    // Writes all that still waits.
    void finish() {
        for (Day i = 0; i <= kDaysAhead; ++i) end_day();
        if (std::fflush(out_) != 0) throw std::runtime_error("cannot write the output");
    }

private:
    struct Entry {
        Millis due;
        std::size_t begin, size;
    };
    struct Bucket {
        std::string text;
        std::vector<Entry> entries;
    };

    Bucket& bucket_of(Day day) { return buckets_[static_cast<std::size_t>(day % (kDaysAhead + 1))]; }

    void write() {
        if (std::fwrite(ready_.data(), 1, ready_.size(), out_) != ready_.size()) {
            throw std::runtime_error("cannot write the output");
        }
        ready_.clear();
    }

    Day today_;
    std::FILE* out_;
    std::array<Bucket, kDaysAhead + 1> buckets_;
    std::string ready_;
};

}  // namespace traffic
