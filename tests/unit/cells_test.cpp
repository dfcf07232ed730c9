// Cells and sessions from lines, by hand-worked figures and against a plain recount of random lines.
#include "core/cells/cells.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

namespace analytics::cells {
namespace {

constexpr int kProduct = kFirstOwn;
constexpr int kAmount = kFirstOwn + 1;
constexpr int kOrders = kFirstOwn + 2;
constexpr int kBuyer = kFirstOwn + 3;
constexpr int kTakesPart = kFirstOwn + 4;
constexpr int kColumns = kFirstOwn + 5;

// A line as tests write it.
struct Sent {
    std::string event = "e1";
    std::int64_t line = 1;
    std::int64_t sign = 1;
    std::int64_t at = 100;
    std::int64_t day = 1;
    std::string product = "mug";
    Decimal amount{0, 0};
    std::string buyer = "ada";
    std::string type = "purchase";
    std::string store = "main";
};

class Cells : public testing::Test {
protected:
    void take(Table& table, const Sent& sent) {
        std::vector<Value>& values = line_.begin();
        const auto number = [&](int column, std::int64_t value) {
            values[static_cast<std::size_t>(column)] = {.null = false, .number = value};
        };
        const auto text = [&](int column, std::string_view value) {
            values[static_cast<std::size_t>(column)] = {.null = value.empty(), .text = value};
        };
        number(kSign, sent.sign);
        number(kLine, sent.line);
        text(kStore, sent.store);
        text(kEventId, sent.event);
        text(kEventType, sent.type);
        text(kOrderId, "");
        number(kRevision, 1);
        number(kOccurredAt, sent.at);
        text(kChannel, "web");
        text(kCountry, "");
        number(kClock, sent.day * 86'400'000'000 + 3'600'000'000);
        values[kFirstDay] = {};
        text(kWeekStart, "saturday");
        values[kKeptWeek] = {};
        values[kRate] = {.null = false, .amount = {15, 1}};
        text(kProduct, sent.product);
        values[kAmount] = {
            .null = false,
            .amount = sent.sign > 0 ? sent.amount : Decimal(-sent.amount.coefficient(), sent.amount.scale())};
        number(kOrders, sent.sign);
        text(kBuyer, sent.buyer);
        number(kTakesPart, 1);
        line_.settle();
        table.add(line_);
    }

    Line make_line() {
        Line line(words_);
        line.resize(kColumns);
        return line;
    }

    Words words_;
    Line line_ = make_line();
};

const Shape kByProduct{
    .keys = {kProduct}, .sums = {{kAmount, true, false}, {kOrders, false, true}}, .counts = {kBuyer}};

TEST_F(Cells, OrderOfTwoLinesOfOneProductCountsOnceAndItsAmountsAdd) {
    Table table(kByProduct, words_);
    take(table, {.amount = {1250, 2}});
    take(table, {.line = 2, .amount = {5, 1}});
    take(table, {.event = "e2", .amount = {1, 0}, .buyer = "ben"});
    table.finish();
    ASSERT_EQ(table.size(), 1U);
    EXPECT_EQ(table.total(0, 0).value().to_string(), "14.00");
    EXPECT_EQ(table.number(0, 1), 2);
    EXPECT_EQ(table.count(0, 0).size(), 2U);
    EXPECT_EQ(table.cell(0).lines, 3);
    EXPECT_FALSE(table.cell(0).lost);
}

TEST_F(Cells, ComeInOrderOfStoreBucketAndKeys) {
    Table table(kByProduct, words_);
    take(table, {.day = 2, .product = "a"});
    take(table, {.day = 1, .product = "b"});
    take(table, {.day = 1, .product = "a"});
    take(table, {.day = 9, .product = "z", .store = "a shop"});
    table.finish();
    std::vector<std::tuple<std::string_view, std::int64_t, std::string_view>> found;
    for (std::size_t i = 0; i < table.size(); ++i) {
        found.emplace_back(words_.text(table.store(i)), table.cell(i).bucket, words_.text(table.key(i, 0)));
    }
    EXPECT_EQ(found, (decltype(found){{"a shop", 9, "z"}, {"main", 1, "a"}, {"main", 1, "b"}, {"main", 2, "a"}}));
}

TEST_F(Cells, KeyTakenBackMoreOftenThanItCameIsLost) {
    Table table(kByProduct, words_);
    take(table, {.sign = -1, .amount = {5, 0}});
    table.finish();
    EXPECT_TRUE(table.cell(0).lost);
    EXPECT_EQ(table.total(0, 0).value().to_string(), "-5");
    EXPECT_TRUE(table.count(0, 0).empty());
}

TEST_F(Cells, CorrectionThatKeepsItsBuyerLosesNothing) {
    Table table(kByProduct, words_);
    take(table, {.sign = -1, .amount = {5, 0}});
    take(table, {.event = "e1'", .amount = {7, 0}});
    table.finish();
    EXPECT_FALSE(table.cell(0).lost);
    EXPECT_EQ(table.total(0, 0).value().to_string(), "2");
    EXPECT_EQ(table.number(0, 1), 0);
}

TEST_F(Cells, LinesThatTakeNoPartCountNowhere) {
    Shape shape = kByProduct;
    shape.condition = kBuyer;  // a text: its number is 0
    Table table(shape, words_);
    take(table, {});
    table.finish();
    EXPECT_EQ(table.size(), 0U);
}

TEST_F(Cells, AmountsBeyondSixtyFourAndAHundredTwentyEightBitsAddExactly) {
    Table table(kByProduct, words_);
    Decimal large = *Decimal::parse("9999999999999999999999");
    for (int i = 0; i < 10; ++i) {
        take(table, {.event = "e" + std::to_string(i), .amount = large});
    }
    take(table, {.event = "small", .amount = *Decimal::parse("0.0000000000000000000001")});
    table.finish();
    EXPECT_FALSE(table.total(0, 0).fits());
    EXPECT_EQ(table.total(0, 0).digits(), "99999999999999999999990.0000000000000000000001");
}

TEST_F(Cells, AmountsAreConvertedAtTheLinesRate) {
    Shape shape = kByProduct;
    shape.sums = {{.column = kAmount, .is_amount = true, .first_in_cell = false, .converted = true}};
    Table table(shape, words_);
    take(table, {.amount = {1250, 2}});  // 12.50 x 1.5
    take(table, {.event = "e2", .amount = *Decimal::parse("9999999999999999999999")});
    table.finish();
    EXPECT_EQ(table.total(0, 0).value().to_string(), "15000000000000000000017.250");
}

TEST(Buckets, AreThoseOfTheWallClock) {
    constexpr std::int64_t kHour = 3'600'000'000;
    // 2026-03-29 01:30 on the wall, a Sunday: day 9584; Kathmandu is 5:45 ahead of UTC
    const std::int64_t clock = 9584 * 24 * kHour + kHour * 3 / 2;
    const std::int64_t at = clock - kHour * 23 / 4;
    for (const auto& [week_start, week] :
         {std::pair("monday", 9578), std::pair("sunday", 9584), std::pair("saturday", 9583), std::pair("", 9578)}) {
        const Buckets found = buckets_of(at, clock, std::nullopt, week_start, std::nullopt);
        EXPECT_EQ(found.hour, at - kHour / 2);
        EXPECT_EQ(found.day, 9584);
        EXPECT_EQ(found.week, week) << week_start;
        EXPECT_EQ(found.month, 9556) << "2026-03-01";
    }
    EXPECT_EQ(buckets_of(at, clock, 9590, "monday", std::nullopt).day, 9590);
    EXPECT_EQ(buckets_of(at, clock, 9500, "monday", std::nullopt).day, 9584);
    // 1999-12-31 23:59, a Friday
    const Buckets before = buckets_of(-kHour / 60, -kHour / 60, std::nullopt, "monday", std::nullopt);
    EXPECT_EQ(before.day, -1);
    EXPECT_EQ(before.week, -5);
    EXPECT_EQ(before.month, -31);
    EXPECT_EQ(before.hour, -kHour);
}

// Events are left from day 9587 on, a Wednesday.
TEST(Buckets, BeginWithTheFirstThatCanBeBuilt) {
    constexpr std::int64_t kDay = 24LL * 3'600'000'000;
    const auto week = [](std::int64_t day, std::string_view start, std::optional<std::int64_t> kept = std::nullopt) {
        return buckets_of(day * kDay, day * kDay, 9587, start, kept).week;
    };
    EXPECT_EQ(week(9587, "monday", 9585), 9585);
    EXPECT_EQ(week(9591, "sunday", 9585), 9585) << "a Sunday, kept while weeks began with Monday";
    EXPECT_EQ(week(9592, "sunday"), 9591);
    EXPECT_EQ(week(9592, "monday"), 9592);
    EXPECT_EQ(week(9591, "monday"), 9592) << "a Sunday, in no kept week and in none that can be built";
}

TEST_F(Cells, WeeksAreTheSumsAndUnionsOfTheirDays) {
    Table days(kByProduct, words_);
    Shape weekly = kByProduct;
    weekly.bucket = Grain::week;
    Table weeks(weekly, words_);
    take(days, {.day = 1, .amount = {1, 0}});
    take(days, {.event = "e2", .day = 2, .amount = {2, 0}});
    take(days, {.event = "e3", .day = 9, .amount = {4, 0}, .buyer = "ben"});
    weeks.add_cells_of(days);
    weeks.finish();
    ASSERT_EQ(weeks.size(), 2U);
    EXPECT_EQ(weeks.total(0, 0).value().to_string(), "3");
    EXPECT_EQ(weeks.number(0, 1), 2);
    EXPECT_EQ(weeks.count(0, 0).size(), 1U);
    EXPECT_EQ(weeks.total(1, 0).value().to_string(), "4");
}

TEST_F(Cells, OrderThatWasCountedBeforeClearingIsNotCountedAgain) {
    Table table(kByProduct, words_);
    take(table, {});
    table.finish();
    EXPECT_EQ(table.number(0, 1), 1);
    table.clear();
    words_ = {};
    line_.forget();
    take(table, {.event = "another", .product = "jug"});  // words are numbered anew
    take(table, {.line = 2});
    table.finish();
    ASSERT_EQ(table.size(), 2U);
    EXPECT_EQ(table.number(0, 1), 1);
    EXPECT_EQ(table.number(1, 1), 0) << "the same order, in the same cell";
}

TEST_F(Cells, FirstAndLastMomentsAreThoseOfEventsThatStand) {
    const Shape shape{
        .keys = {kBuyer},
        .extremes = {Extreme::first_seen_at, Extreme::last_seen_at, Extreme::first_order, Extreme::last_order_at}};
    Table table(shape, words_);
    take(table, {.event = "view", .at = 5, .type = "view_item"});
    take(table, {.event = "order", .at = 7});
    take(table, {.event = "later", .at = 9});
    take(table, {.event = "later", .sign = -1, .at = 9});
    take(table, {.event = "second line", .line = 2, .at = 1});
    table.finish();
    EXPECT_EQ(table.extreme(0, 0)->at, 5);
    EXPECT_EQ(table.extreme(0, 1)->at, 7);
    EXPECT_EQ(table.extreme(0, 2)->at, 7);
    EXPECT_EQ(words_.text(*table.extreme(0, 2)->channel), "web");
    EXPECT_FALSE(table.extreme(0, 2)->country);
    EXPECT_EQ(table.extreme(0, 3)->at, 7);
    EXPECT_FALSE(table.cell(0).lost);
    table.clear();
    take(table, {.event = "view", .sign = -1, .at = 5, .type = "view_item"});
    table.finish();
    EXPECT_TRUE(table.cell(0).lost);
    EXPECT_FALSE(table.extreme(0, 0));
}

TEST_F(Cells, RandomLinesGiveWhatAPlainRecountGives) {
    std::mt19937 random(42);
    const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    for (int round = 0; round < 50; ++round) {
        Table table(kByProduct, words_);
        std::map<std::pair<std::int64_t, std::string>,
                 std::tuple<std::int64_t, std::set<std::string>, std::map<std::string, int>>>
            expected;
        for (int i = 0; i < 400; ++i) {
            Sent sent{.event = "e" + std::to_string(pick(100)),
                      .line = 1 + pick(3),
                      .sign = pick(5) == 0 ? -1 : 1,
                      .day = pick(3),
                      .product = "p" + std::to_string(pick(5)),
                      .amount = {pick(1000), 2},
                      .buyer = "b" + std::to_string(pick(20))};
            take(table, sent);
            auto& [cents, orders, buyers] = expected[{sent.day, sent.product}];
            cents += sent.sign * static_cast<std::int64_t>(sent.amount.coefficient());
            orders.insert((sent.sign > 0 ? "+" : "-") + sent.event);
            buyers[sent.buyer] += static_cast<int>(sent.sign);
        }
        table.finish();
        ASSERT_EQ(table.size(), expected.size());
        std::size_t place = 0;
        for (const auto& [key, cell] : expected) {
            const auto& [cents, orders, buyers] = cell;
            EXPECT_EQ(table.cell(place).bucket, key.first);
            EXPECT_EQ(words_.text(table.key(place, 0)), key.second);
            EXPECT_EQ(static_cast<std::int64_t>(table.total(place, 0).value().coefficient()), cents);
            std::int64_t net_orders = 0;
            for (const std::string& order : orders) net_orders += order[0] == '+' ? 1 : -1;
            EXPECT_EQ(table.number(place, 1), net_orders);
            std::size_t standing = 0;
            bool lost = false;
            for (const auto& [buyer, net] : buyers) {
                standing += net > 0 ? 1 : 0;
                lost = lost || net < 0;
            }
            EXPECT_EQ(table.count(place, 0).size(), standing);
            EXPECT_EQ(table.cell(place).lost, lost);
            ++place;
        }
    }
}

// Values of the hll extension 2.18: hll_hash_text('1', 0) and hll_add_agg() of '1', '2', '3' with the parameters that
// rollups have.
TEST(Hll, StoresHashesAsTheExtensionDoes) {
    std::vector<std::int64_t> hashes;
    for (const char* text : {"1", "2", "3"}) {
        hashes.push_back(static_cast<std::int64_t>(murmur3(text).low));
    }
    EXPECT_EQ(hashes, (std::vector<std::int64_t>{8213365047359667313, 5293579765126103566, -155496620801056360}));
    std::sort(hashes.begin(), hashes.end());
    std::string hex;
    for (const char byte : explicit_hll(hashes)) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        hex += kDigits[static_cast<unsigned char>(byte) >> 4];
        hex += kDigits[static_cast<unsigned char>(byte) & 15];
    }
    EXPECT_EQ(hex, "12914bfdd790a5b1612198497692bff289820e71fbbbfe8a7b7c71");
}

}  // namespace
}  // namespace analytics::cells
