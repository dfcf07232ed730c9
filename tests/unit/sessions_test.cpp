// Sessions from lines: the gap rule, merged sessions that new events touch, what is taken back.
#include "core/cells/sessions.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace analytics::cells {
namespace {

constexpr std::int64_t kMinute = 60'000'000;
constexpr std::int64_t kGap = 30 * kMinute;

class SessionsTest : public testing::Test {
protected:
    SessionLine line(const char* key, std::int64_t minute, const char* type = "page_view", int sign = 1) {
        SessionLine made;
        made.store = words_.of("main");
        made.key = words_.of(key);
        made.gap = kGap;
        made.at = minute * kMinute;
        made.type = words_.of(type);
        made.channel = words_.of(minute < 10 ? "web" : "app") + 1;
        made.currency = words_.of("EUR");
        made.sign = sign;
        made.first_line = true;
        return made;
    }

    Session merged(const char* key, std::int64_t from, std::int64_t to, std::int64_t events) {
        Session made;
        made.store = words_.of("main");
        made.key = words_.of(key);
        made.started_at = from * kMinute;
        made.ended_at = to * kMinute;
        made.events = events;
        made.channel = {words_.of("merged") + 1, from * kMinute};
        return made;
    }

    // (sign, start, end, events) of each change, in minutes.
    using Told = std::vector<std::array<std::int64_t, 4>>;
    Told changes() {
        Told told;
        for (const Change& change : sessions_.changes()) {
            told.push_back({change.sign, change.session->started_at / kMinute, change.session->ended_at / kMinute,
                            change.session->events});
        }
        std::sort(told.begin(), told.end());
        return told;
    }

    Words words_;
    Sessions sessions_{words_};
};

TEST_F(SessionsTest, SilenceLongerThanTheGapEndsAVisitorsSession) {
    for (const int minute : {0, 30, 61, 75}) sessions_.add(line("cada", minute));
    EXPECT_EQ(changes(), (Told{{1, 0, 30, 2}, {1, 61, 75, 2}}));
}

TEST_F(SessionsTest, ASessionWithAnIdKnowsNoSilence) {
    for (const int minute : {0, 500}) sessions_.add(line("s1", minute));
    EXPECT_EQ(changes(), (Told{{1, 0, 500, 2}}));
}

TEST_F(SessionsTest, AnEventThatFillsTheSilenceMakesOneOfTwo) {
    sessions_.add(line("cada", 40));
    sessions_.add_merged(merged("cada", 0, 15, 3));
    sessions_.add_merged(merged("cada", 65, 70, 2));
    sessions_.add_merged(merged("cada", 65, 70, 2));  // found twice, counted once
    EXPECT_EQ(changes(), (Told{{-1, 0, 15, 3}, {-1, 65, 70, 2}, {1, 0, 70, 6}}));
    const auto all = sessions_.changes();
    const auto whole = std::find_if(all.begin(), all.end(), [](const Change& change) { return change.sign == 1; });
    EXPECT_TRUE(whole->known) << "a session of this start is there";
    EXPECT_EQ(words_.text(whole->session->channel.value - 1), "merged");
    const auto gone = std::find_if(all.begin(), all.end(),
                                   [](const Change& change) { return change.session->started_at == 65 * kMinute; });
    EXPECT_FALSE(gone->stands);
}

TEST_F(SessionsTest, ProbesReachAsFarAsTheGap) {
    sessions_.add(line("cada", 100));
    sessions_.add(line("cada", 110));
    sessions_.add(line("cada", 100 + 3 * 1440));
    sessions_.add(line("s1", 100));
    std::vector<std::array<std::int64_t, 2>> spans;
    for (const Probe& probe : sessions_.probes()) {
        spans.push_back(
            {probe.from == kBeginning ? -1 : probe.from / kMinute, probe.to == kEnd ? -1 : probe.to / kMinute});
    }
    std::sort(spans.begin(), spans.end());
    EXPECT_EQ(spans, (std::vector<std::array<std::int64_t, 2>>{{-1, -1}, {70, 140}, {70 + 3 * 1440, 130 + 3 * 1440}}));
}

TEST_F(SessionsTest, WhatWasTakenBackMakesItsKeyLostForGood) {
    sessions_.add(line("cada", 1, "page_view", -1));
    sessions_.add(line("cben", 1));
    EXPECT_EQ(changes(), (Told{{1, 1, 1, 1}}));
    ASSERT_EQ(sessions_.lost().size(), 1U);
    EXPECT_EQ(sessions_.lost()[0].second, "cada");
    sessions_.clear();
    words_ = {};
    sessions_.add(line("cada", 90));
    EXPECT_TRUE(changes().empty()) << "somebody else puts it together, with all its lines";
}

TEST_F(SessionsTest, AnEventTakenBackAndSentAgainTheSameChangesNothing) {
    sessions_.add(line("cada", 1, "page_view", -1));
    sessions_.add(line("cada", 1));
    EXPECT_TRUE(changes().empty());
    EXPECT_TRUE(sessions_.lost().empty());
}

TEST_F(SessionsTest, KeptSessionsTakeSumsBack) {
    sessions_.add(line("cada", 5, "page_view", -1));
    Session kept = merged("cada", 0, 10, 4);
    kept.kept = true;
    sessions_.add_merged(kept);
    EXPECT_EQ(changes(), (Told{{-1, 0, 10, 4}, {1, 0, 10, 3}}));
    EXPECT_TRUE(sessions_.lost().empty());
}

TEST_F(SessionsTest, CartsAddByCurrencyAndStepsCount) {
    SessionLine added = line("cada", 1, "add_to_cart");
    added.cart_value.emplace().add(Decimal(1990, 2));
    SessionLine removed = line("cada", 2, "remove_from_cart");
    removed.cart_value.emplace().add(Decimal(-490, 2));
    for (const SessionLine& each : {added, removed, line("cada", 3, "add_payment_info"), line("cada", 4, "view_item")})
        sessions_.add(each);
    const auto all = sessions_.changes();
    ASSERT_EQ(all.size(), 1U);
    const Session& session = *all[0].session;
    EXPECT_EQ(session.cart_values.at(words_.of("EUR")).value().to_string(), "15.00");
    EXPECT_EQ(session.carts, 1);
    EXPECT_EQ(session.checkouts, 1);
    EXPECT_EQ(session.views, 1);
    EXPECT_EQ(session.orders, 0);
}

// In whatever portions events come, the sessions at the end are those of all events at once.
TEST_F(SessionsTest, PortionsInAnyOrderComeToTheSame) {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::int64_t> minutes;
        for (int i = 0; i < 12; ++i) minutes.push_back(static_cast<std::int64_t>(random() % 400));
        std::vector<Session> stored;
        for (std::size_t from = 0; from < minutes.size();) {
            const std::size_t to = std::min(minutes.size(), from + 1 + random() % 4);
            Sessions part(words_);
            for (; from < to; ++from) part.add(line("cada", minutes[from]));
            for (const Probe& probe : part.probes()) {
                for (const Session& session : stored) {
                    if (session.started_at <= probe.to && session.ended_at >= probe.from) part.add_merged(session);
                }
            }
            std::vector<Session> after = stored;
            for (const Change& change : part.changes()) {
                if (change.sign < 0) {
                    std::erase_if(after, [&](const Session& session) {
                        return session.started_at == change.session->started_at;
                    });
                }
            }
            for (const Change& change : part.changes()) {
                if (change.sign > 0) after.push_back(*change.session);
            }
            stored = after;
        }
        std::sort(minutes.begin(), minutes.end());
        std::vector<std::array<std::int64_t, 3>> expected;
        for (const std::int64_t minute : minutes) {
            if (expected.empty() || minute - expected.back()[1] > 30) {
                expected.push_back({minute, minute, 1});
            } else {
                expected.back()[1] = minute;
                ++expected.back()[2];
            }
        }
        std::vector<std::array<std::int64_t, 3>> found;
        for (const Session& session : stored)
            found.push_back({session.started_at / kMinute, session.ended_at / kMinute, session.events});
        std::sort(found.begin(), found.end());
        ASSERT_EQ(found, expected);
    }
}

}  // namespace
}  // namespace analytics::cells
