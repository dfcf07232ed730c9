// What the tests of the parser share: a fixed moment, three stores with different rules, short ways to look at events.
#pragma once

#include "core/decimal.hpp"
#include "core/event.hpp"
#include "core/timestamp.hpp"
#include "core/utf8.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace analytics {

// "19.90", "0", or "null": the digits as they are kept.
inline std::string show(const std::optional<Decimal>& value) { return value ? value->to_string() : "null"; }

inline std::string show(const std::optional<std::string_view>& text) { return text ? std::string(*text) : "null"; }

inline Decimal decimal(std::string_view text) { return *Decimal::parse(text); }

class EventTest : public testing::Test {
protected:
    // 2024-06-01 12:00:00 UTC
    static constexpr UnixMicros kNow = 1'717'243'200'000'000;

    EventTest() {
        rules_["main"].currency = "GBP";
        rules_["paris"].currency = "EUR";
        rules_["paris"].tax_included = true;
        rules_["paris"].to_instant = [](UnixMicros wall) { return wall - 7'200 * kMicrosPerSecond; };
        rules_["tokyo"].currency = "JPY";
        context_.now = kNow;
        context_.rules = [this](std::string_view store) -> const StoreRules& {
            ++rule_calls_[std::string(store)];
            return rules_[std::string(store)];
        };
        context_.new_event_id = [this] { return "random-" + std::to_string(++random_ids_); };
    }

    EventBatch parse(std::string_view payload) {
        EventBatch batch = parse_events(payload, Format::automatic, context_);
        for (const Rejection& rejection : batch.rejections) {
            EXPECT_FALSE(rejection.message.empty());
            EXPECT_LE(rejection.message.size(), 300U);
            EXPECT_TRUE(is_valid_utf8(rejection.message)) << rejection.message;
            EXPECT_TRUE(is_valid_utf8(rejection.pointer)) << rejection.pointer;
            EXPECT_FALSE(rejection.store_id.empty());
        }
        return batch;
    }

    // The one event of a payload that must have no other; the batch that holds it lives as long as the test.
    const Event& one(std::string_view payload) {
        batches_.push_back(parse(payload));
        const EventBatch& batch = batches_.back();
        for (const Rejection& rejection : batch.rejections) {
            ADD_FAILURE() << rejection.code << " at '" << rejection.pointer << "': " << rejection.message;
        }
        if (batch.events.size() != 1) {
            ADD_FAILURE() << batch.events.size() << " events in " << payload;
            static const Event none = [] {
                Event event;
                event.lines.resize(1);
                return event;
            }();
            return none;
        }
        return batch.events.front();
    }

    // "code pointer" of the one rejection that the payload must come to; "accepted" when there is none.
    std::string reason(std::string_view payload) {
        batches_.push_back(parse(payload));
        const EventBatch& batch = batches_.back();
        if (batch.rejections.empty()) return "accepted";
        EXPECT_EQ(batch.events.size() + batch.rejections.size(), 1U) << payload;
        return batch.rejections.front().code + " " + batch.rejections.front().pointer;
    }

    const Rejection& last_rejection() const { return batches_.back().rejections.front(); }

    std::map<std::string, StoreRules> rules_;
    std::map<std::string, int> rule_calls_;
    int random_ids_ = 0;
    ParseContext context_;
    std::deque<EventBatch> batches_;
};

}  // namespace analytics
