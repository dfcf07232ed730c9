// The synthetic shop: its catalogue, its visitors, and what happens in each session.
//
// Invariant: a day's sessions follow from the options and the day alone, never from the days generated around it, so
// that a later run repeats old days byte for byte and only adds new ones. Hence there is no simulated state: a visitor
// is known by where they come from (a number of the founding customers, or day and place of the sign-up), and looked
// up by it. Money is in cents throughout; every currency here has two decimals.
#pragma once

#include "random.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace traffic {

using Day = std::int64_t;     // days since 1970-01-01, UTC
using Millis = std::int64_t;  // since 1970-01-01 00:00 UTC
using Cents = std::int64_t;

inline constexpr Millis kMinute = 60'000;
inline constexpr Millis kHour = 60 * kMinute;
inline constexpr Millis kDay = 24 * kHour;
inline constexpr Day kLongestReturn = 20;  // days from an order to its refund

struct Currency {
    std::string_view code;
    int per_thousand_euros;  // a fixed, invented rate
};
inline constexpr Currency kCurrencies[] = {{"EUR", 1000},  {"GBP", 860}, {"PLN", 4300},
                                           {"SEK", 11200}, {"CHF", 950}, {"USD", 1080}};

struct Country {
    std::string_view code, currency;
    std::uint64_t weight;
    int tax_percent;
};

struct Product {
    std::uint64_t number;  // by popularity, from 0
    std::string id, name;
    std::string_view category, brand;
    Cents price;  // without tax, in euros' cents
};

struct Visitor {
    std::string anonymous_id;
    std::string customer_id;  // empty for one who never signs up
    const Country* country;
    const Currency* currency;
    std::string_view device, channel;
    std::size_t favourite;  // category
};

struct Line {
    const Product* product;
    int quantity;
    Cents price;         // per unit, without tax, in the visitor's currency
    Cents discount = 0;  // the line's share of the order's
    Cents tax = 0;

    Cents amount() const { return price * quantity; }
};

struct Session {
    std::string id, order_id;
    Visitor visitor;
    std::string_view campaign;  // or empty
};

struct Event {
    std::string_view type;
    int number = 0;  // within the session, from 1
    Millis at = 0;
    bool customer_known = false;  // else the visitor is anonymous still
    bool names_order = false;     // purchases and refunds, whose lines carry discount and tax
    std::vector<Line> lines;
    Cents shipping = 0;
    std::string_view detail_name, detail;  // one property, or empty

    bool is_refund() const { return type == "refund"; }
    Cents discount() const {
        Cents sum = 0;
        for (const auto& line : lines) sum += line.discount;
        return sum;
    }
};

struct ShopOptions {
    std::uint64_t seed = 1;
    std::uint64_t products = 400;
    std::uint64_t customers = 2000;  // who signed up before the first day
    std::uint64_t sessions_per_day = 300;
    std::int64_t growth = 20;  // per cent a year, linear
    Day opened = 0;            // the first day with sessions
    std::vector<const Currency*> currencies = {&kCurrencies[0]};
};

std::string date_text(Day day, std::string_view separator);  // 2026-01-31 with "-"

class Shop {
public:
    using Sink = std::function<void(const Session&, const Event&)>;

    explicit Shop(ShopOptions options);

    std::uint64_t sessions_on(Day day) const;

    // Plays one session of the day, 0 <= place < sessions_on(day). The sink gets its events in order of time; last, if
    // the order comes back, the refund of some days later.
    void play(Day day, std::uint64_t place, const Sink& sink) const;

private:
    class Play;  // one session while it is played

    // Where a visitor comes from: a founding customer (by number), someone who signs up in a session (by its day and
    // place), or a passer-by (likewise) who never does.
    enum class Origin : std::uint64_t { founding, signing_up, passing };

    std::uint64_t sign_ups_on(Day day) const { return sessions_on(day) / 25; }
    Visitor visitor(Origin origin, Day day, std::uint64_t number) const;
    Visitor returning_customer(Random& random, Day day) const;
    const Product& wanted_product(Random& random, const Visitor& visitor, Day day) const;
    const Product& companion_of(const Product& product) const;

    ShopOptions options_;
    std::vector<Product> catalogue_;
    Weighted popularity_;
    std::vector<std::vector<std::size_t>> by_category_;
    std::vector<Weighted> popularity_in_category_;
    Weighted countries_, devices_, channels_, hours_, activity_;
};

}  // namespace traffic
