#include "shop.hpp"

#include <chrono>
#include <utility>

namespace traffic {
namespace {

struct Category {
    std::string_view name;
    Cents lowest, highest;
    std::string_view nouns[4];
};

constexpr Category kCategories[] = {{"kitchen", 500, 6000, {"Mug", "Pan", "Bowl", "Teapot"}},
                                    {"lighting", 1500, 15000, {"Lamp", "Lantern", "Candle", "Spot"}},
                                    {"textiles", 900, 9000, {"Cushion", "Throw", "Towel", "Rug"}},
                                    {"garden", 800, 12000, {"Planter", "Trowel", "Bench", "Feeder"}},
                                    {"stationery", 200, 2500, {"Notebook", "Pen", "Card Set", "Calendar"}},
                                    {"toys", 700, 5000, {"Puzzle", "Kite", "Train", "Bear"}},
                                    {"storage", 600, 8000, {"Basket", "Box", "Shelf", "Hook"}},
                                    {"bath", 400, 4000, {"Soap", "Mirror", "Mat", "Brush"}}};
constexpr std::string_view kQualities[] = {"Oak", "Slate", "Linen", "Copper", "Amber", "Nordic", "Classic", "Mini"};
constexpr std::string_view kBrands[] = {"Synthetic North", "Synthetic South", "Synthetic East", "Synthetic West",
                                        "Synthetic Mill",  "Synthetic Yard",  "Synthetic Attic"};
constexpr std::string_view kCampaigns[] = {"synthetic-newsletter", "synthetic-search", "synthetic-retargeting",
                                           "synthetic-spring"};
constexpr std::string_view kPayments[] = {"card", "wallet", "invoice"};
constexpr Country kCountries[] = {
    {"DE", "EUR", 38, 19}, {"FR", "EUR", 14, 20}, {"NL", "EUR", 10, 21}, {"AT", "EUR", 9, 20}, {"IT", "EUR", 8, 22},
    {"ES", "EUR", 6, 21},  {"BE", "EUR", 5, 21},  {"GB", "GBP", 4, 20},  {"PL", "PLN", 3, 23}, {"SE", "SEK", 3, 25}};
constexpr std::string_view kDevices[] = {"mobile", "desktop", "tablet"};
constexpr std::uint64_t kDeviceWeights[] = {55, 38, 7};
constexpr std::string_view kChannels[] = {"web", "app", "marketplace", "social"};
constexpr std::uint64_t kChannelWeights[] = {62, 20, 10, 8};
constexpr std::uint64_t kHourWeights[] = {10, 6,  4,  3,  3,  6,  15, 28, 40, 48, 52, 54,  // UTC
                                          55, 50, 48, 48, 52, 60, 72, 85, 88, 70, 42, 22};
constexpr std::uint64_t kWeekdayPercent[] = {102, 95, 94, 96, 97, 104, 112};  // Monday first

// What a stream of random numbers is for; keeps the streams apart.
enum Purpose : std::uint64_t { kProduct = 1, kVisitor, kVolume, kSession, kWeekly, kCompanion };

template <typename T, std::size_t n>
const T& any_of(const T (&choices)[n], Random& random) {
    return choices[random.below(n)];
}

std::string padded(std::uint64_t number, std::size_t width) {
    auto digits = std::to_string(number);
    return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

// Shares the discount out by line value in cents: the whole cents first, then one each to the largest remainders, the
// earlier line first among equals; taxes what is left of each line.
void settle(std::vector<Line>& lines, Cents discount, int tax_percent) {
    Cents value = 0;
    for (const auto& line : lines) value += line.amount();
    std::vector<std::pair<Cents, std::size_t>> remainders;
    Cents left = discount;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        lines[i].discount = discount * lines[i].amount() / value;
        remainders.emplace_back(discount * lines[i].amount() % value, i);
        left -= lines[i].discount;
    }
    std::ranges::stable_sort(remainders, std::ranges::greater{}, &std::pair<Cents, std::size_t>::first);
    for (std::size_t i = 0; i < static_cast<std::size_t>(left); ++i) ++lines[remainders[i].second].discount;
    for (auto& line : lines) line.tax = ((line.amount() - line.discount) * tax_percent + 50) / 100;
}

}  // namespace

std::string date_text(Day day, std::string_view separator) {
    const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
    std::string text = padded(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
    text.append(separator).append(padded(static_cast<unsigned>(date.month()), 2));
    text.append(separator).append(padded(static_cast<unsigned>(date.day()), 2));
    return text;
}

Shop::Shop(ShopOptions options)
    : options_(std::move(options)),
      by_category_(std::size(kCategories)),
      popularity_in_category_(std::size(kCategories)),
      devices_(kDeviceWeights),
      channels_(kChannelWeights),
      hours_(kHourWeights) {
    for (const auto& country : kCountries) countries_.add(country.weight);
    for (std::uint64_t i = 0; i < options_.customers; ++i) activity_.add(Weighted::zipf(i, 20));
    for (std::uint64_t i = 0; i < options_.products; ++i) {
        Random random(mix(options_.seed, kProduct, i));
        const auto category_number = random.below(std::size(kCategories));
        const auto& category = kCategories[category_number];
        const auto range = static_cast<std::uint64_t>(category.highest - category.lowest);
        const auto price = category.lowest + static_cast<Cents>(random.mostly_low(range));
        const auto weight = Weighted::zipf(i, 3);
        catalogue_.push_back({.number = i,
                              .id = "syn-p-" + padded(i + 1, 5),
                              .name = std::string("Synthetic ")
                                          .append(any_of(kQualities, random))
                                          .append(" ")
                                          .append(any_of(category.nouns, random))
                                          .append(" ")
                                          .append(std::to_string(i + 1)),
                              .category = category.name,
                              .brand = any_of(kBrands, random),
                              .price = price - price % 50 + (random.chance(700) ? 49 : 45)});
        popularity_.add(weight);
        by_category_[category_number].push_back(i);
        popularity_in_category_[category_number].add(weight);
    }
}

std::uint64_t Shop::sessions_on(Day day) const {
    if (day < options_.opened) return 0;
    const auto weekday = static_cast<std::size_t>((day + 3) % 7);  // 1970-01-01 was a Thursday
    const auto noise = 95 + mix(options_.seed, kVolume, day) % 11;
    const auto grown = 36'500 + options_.growth * (day - options_.opened);  // of 36,500
    if (grown <= 0) return 0;
    return options_.sessions_per_day * kWeekdayPercent[weekday] * noise * static_cast<std::uint64_t>(grown) /
           (100 * 100 * std::uint64_t{36'500});
}

Visitor Shop::visitor(Origin origin, Day day, std::uint64_t number) const {
    const auto key = mix(options_.seed, kVisitor, origin, day, number);
    Random random(key);
    Visitor visitor;
    visitor.anonymous_id = "syn-a-" + std::to_string(key);
    if (origin == Origin::founding) visitor.customer_id = "syn-c-" + padded(number + 1, 6);
    if (origin == Origin::signing_up)
        visitor.customer_id = "syn-c-" + date_text(day, "") + "-" + std::to_string(number);
    visitor.country = &kCountries[countries_.pick(random)];
    visitor.channel = kChannels[channels_.pick(random)];
    visitor.device = visitor.channel == "app" ? kDevices[0] : kDevices[devices_.pick(random)];
    visitor.favourite = random.below(std::size(kCategories));
    visitor.currency = options_.currencies.front();
    for (const auto* currency : options_.currencies) {
        if (currency->code == visitor.country->currency) visitor.currency = currency;
    }
    return visitor;
}

// Half of them signed up in the last ninety days, the latest oftener; the others are founding customers, of whom some
// come much oftener than others.
Visitor Shop::returning_customer(Random& random, Day day) const {
    const auto joined = day - 1 - static_cast<Day>(random.mostly_low(90));
    const bool is_recent = random.chance(500);
    if (const auto sign_ups = sign_ups_on(joined); is_recent && sign_ups > 0) {
        return visitor(Origin::signing_up, joined, random.below(sign_ups));
    }
    return visitor(Origin::founding, 0, activity_.pick(random));
}

const Product& Shop::wanted_product(Random& random, const Visitor& visitor, Day day) const {
    if (random.chance(40)) {  // the product of the week, so that something trends
        return catalogue_[mix(options_.seed, kWeekly, (day + 3) / 7) % catalogue_.size()];
    }
    if (random.chance(500) && !popularity_in_category_[visitor.favourite].empty()) {
        return catalogue_[by_category_[visitor.favourite][popularity_in_category_[visitor.favourite].pick(random)]];
    }
    return catalogue_[popularity_.pick(random)];
}

// Each product has one that goes well with it, so that baskets are not chance alone.
const Product& Shop::companion_of(const Product& product) const {
    return catalogue_[mix(options_.seed, kCompanion, product.number) % catalogue_.size()];
}

class Shop::Play {
public:
    Play(const Shop& shop, Day day, std::uint64_t place, const Sink& sink)
        : shop_(shop), sink_(sink), day_(day), random_(mix(shop.options_.seed, kSession, day, place)) {
        const auto date_and_place = date_text(day, "") + "-" + std::to_string(place);
        session_.id = "syn-s-" + date_and_place;
        session_.order_id = "syn-o-" + date_and_place;
        now_ = day * kDay + static_cast<Millis>(shop.hours_.pick(random_)) * kHour;
        now_ += static_cast<Millis>(random_.below(kHour));
        choose_visitor(place);
        if (random_.chance(250)) session_.campaign = any_of(kCampaigns, random_);
    }

    void run() {
        say("page_view", "path", "/synthetic");
        if (random_.chance(bounces_)) return;
        const auto rounds = 1 + random_.below(5) + (is_customer_ ? 1 : 0);
        for (std::uint64_t round = 0; round < rounds; ++round) {
            browse();
            if (round == 0) log_in();
        }
        if (!cart_.empty()) check_out();
    }

private:
    // The first sessions of a day are its sign-ups, the next eight per cent earlier visits of people who are to sign
    // up within a fortnight; the rest are passers-by and customers.
    void choose_visitor(std::uint64_t place) {
        const auto sign_ups = shop_.sign_ups_on(day_);
        if (place < sign_ups) {
            session_.visitor = shop_.visitor(Origin::signing_up, day_, place);
            signs_up_ = true;
            bounces_ = 0;
            return;
        }
        const auto day_of_sign_up = day_ + 1 + static_cast<Day>(random_.mostly_low(14));
        const auto future_sign_ups = shop_.sign_ups_on(day_of_sign_up);
        if (place < 3 * sign_ups && future_sign_ups > 0) {
            session_.visitor = shop_.visitor(Origin::signing_up, day_of_sign_up, random_.below(future_sign_ups));
            return;
        }
        if (random_.chance(450)) {
            session_.visitor = shop_.returning_customer(random_, day_);
            is_customer_ = true;
            customer_known_ = random_.chance(450);  // signed in still
            bounces_ = 150;
            return;
        }
        session_.visitor = shop_.visitor(Origin::passing, day_, place);
    }

    void browse() {
        const auto& product = shop_.wanted_product(random_, session_.visitor, day_);
        if (random_.chance(220)) {
            say("search", "query", product.category);
        } else if (random_.chance(500)) {
            list(product);
        }
        say("view_item", {line_of(product, 1)});
        if (!random_.chance(is_customer_ || signs_up_ ? 150 : 70)) return;
        put_into_cart(product);
        if (random_.chance(300)) {
            const auto& companion = shop_.companion_of(product);
            say("view_item", {line_of(companion, 1)});
            if (random_.chance(600)) put_into_cart(companion);
        }
    }

    void list(const Product& product) {
        std::vector<Line> lines{line_of(product, 1)};
        for (int i = 0; i < 2; ++i) {
            const auto& other = shop_.wanted_product(random_, session_.visitor, day_);
            if (std::ranges::find(lines, &other, &Line::product) == lines.end()) lines.push_back(line_of(other, 1));
        }
        say("view_item_list", std::move(lines), "list", product.category);
    }

    void put_into_cart(const Product& product) {
        if (std::ranges::find(cart_, &product, &Line::product) != cart_.end()) return;
        cart_.push_back(line_of(product, 1 + static_cast<int>(random_.mostly_low(4))));
        say("add_to_cart", {cart_.back()});
    }

    void log_in() {
        if (signs_up_) {
            customer_known_ = true;
            say("sign_up", "method", "email");
        } else if (is_customer_ && !customer_known_ && random_.chance(650)) {
            customer_known_ = true;
            say("login", "method", "email");
        }
    }

    void check_out() {
        if (random_.chance(100)) {
            const auto removed = static_cast<std::ptrdiff_t>(random_.below(cart_.size()));
            say("remove_from_cart", {cart_[static_cast<std::size_t>(removed)]});
            cart_.erase(cart_.begin() + removed);
            if (cart_.empty()) return;
        }
        if (random_.chance(750)) say("view_cart", cart_);
        if (!random_.chance(session_.visitor.channel == "app" ? 460 : 350)) return;
        say("begin_checkout", cart_);
        if (!random_.chance(900)) return;
        say("add_shipping_info", "method", "parcel");
        if (!random_.chance(930)) return;
        say("add_payment_info", "method", any_of(kPayments, random_));
        if (random_.chance(900)) buy();
    }

    void buy() {
        Cents value = 0;
        for (const auto& line : cart_) value += line.amount();
        const bool has_coupon = random_.chance(session_.campaign.empty() ? 80 : 350);
        const Cents percent = !has_coupon ? 0 : random_.chance(700) ? 10 : 15;
        const Cents discount = (value * percent + 50) / 100;
        settle(cart_, discount, session_.visitor.country->tax_percent);

        auto purchase = next("purchase");
        purchase.names_order = true;
        purchase.lines = cart_;
        purchase.shipping = value - discount < in_currency(5000) ? in_currency(490) : 0;
        sink_(session_, purchase);
        if (random_.chance(60)) send_back(std::move(purchase));
    }

    // The whole order or one line of it, some days later in office hours.
    void send_back(Event refund) {
        refund.type = "refund";
        ++refund.number;
        const auto days = 3 + static_cast<Day>(random_.mostly_low(kLongestReturn - 2));
        refund.at = (refund.at / kDay + days) * kDay + 8 * kHour + static_cast<Millis>(random_.below(9 * kHour));
        if (random_.chance(400)) {
            refund.lines = {refund.lines[random_.below(refund.lines.size())]};
            refund.shipping = 0;
        }
        sink_(session_, refund);
    }

    Cents in_currency(Cents euros) const {
        return (euros * session_.visitor.currency->per_thousand_euros + 500) / 1000;
    }

    Line line_of(const Product& product, int quantity) const {
        return {.product = &product, .quantity = quantity, .price = in_currency(product.price)};
    }

    Event next(std::string_view type) {
        if (number_ > 0) now_ += 1500 + static_cast<Millis>(random_.mostly_low(2 * kMinute));
        Event event;
        event.type = type;
        event.number = ++number_;
        event.at = now_;
        event.customer_known = customer_known_;
        return event;
    }

    void say(std::string_view type, std::string_view detail_name, std::string_view detail) {
        say(type, {}, detail_name, detail);
    }

    void say(std::string_view type, std::vector<Line> lines, std::string_view detail_name = {},
             std::string_view detail = {}) {
        auto event = next(type);
        event.lines = std::move(lines);
        event.detail_name = detail_name;
        event.detail = detail;
        sink_(session_, event);
    }

    const Shop& shop_;
    const Sink& sink_;
    Day day_;
    Random random_;
    Session session_;
    std::vector<Line> cart_;
    Millis now_ = 0;
    int number_ = 0;
    std::uint64_t bounces_ = 400;  // per mille
    bool signs_up_ = false, is_customer_ = false, customer_known_ = false;
};

void Shop::play(Day day, std::uint64_t place, const Sink& sink) const { Play(*this, day, place, sink).run(); }

}  // namespace traffic
