// Writes the traffic of a synthetic shop: sessions of browsing, carts, orders and refunds, for the demo and the bench.
//
// The same options give the same bytes on every machine. A day's events do not depend on the days generated with it:
// see shop.hpp for how, and --help for what that allows.
#include "delivery.hpp"
#include "event_writer.hpp"
#include "shop.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace traffic {
namespace {

constexpr std::string_view kHelp =
    R"(traffic_generator: writes events of a synthetic shop, in the order in which they arrive, to standard output.

  traffic_generator [--option VALUE | --option=VALUE]...

what is written
  --format ndjson|csv     native events, one a line, for analytics.ingest(); or rows, with a header line,
                          for COPY analytics.event (columns) FROM                           default ndjson
  --store NAME            store of the events                                   default synthetic-traffic
  --days N                days, the last being that of --end                                   default 30
  --end TIME              no event is later: 2026-01-31 (the whole day) or
                          2026-01-31T12:00:00Z                                                default now
  --late PERMILLE         so many events arrive up to three days after they happened            default 0
  --duplicates PERMILLE   so many events arrive twice, up to two days apart; ndjson only        default 0

the shop
  --seed N                another seed is another shop                                          default 1
  --opened DATE           the shop's first day; nothing happens before       default the first day written
  --sessions-per-day N    on average, at its opening                                          default 300
  --growth PERCENT        change of that in a year, linear                                     default 20
  --products N            products; their popularity follows Zipf's law                       default 400
  --customers N           customers who had signed up before the first day                   default 2000
  --currencies LIST       of EUR, GBP, PLN, SEK, CHF, USD; customers pay in their country's
                          currency if it is listed, else in the first one                     default EUR

  --help                  this text

The same options give the same bytes everywhere (--end named). What happens on a day depends on the options under
"the shop" alone, --opened named: a run on a later day repeats the days it shares with an earlier one, event ids
included, so that a store may be brought up to date again and again. Give a store one seed and one set of options.

Times are UTC. Prices are without tax. A session makes about eight lines. Bodies for ingest: split -l 10000.
)";

constexpr std::uint64_t kArrival = 100;  // keeps these random numbers apart from the shop's
constexpr Day kMostLate = 3, kMostApart = 2;
static_assert(1 + kLongestReturn + kMostLate + kMostApart <= Delivery::kDaysAhead);

struct Options {
    ShopOptions shop;
    EventWriter::Format format = EventWriter::Format::ndjson;
    std::string store = "synthetic-traffic";
    Day days = 30;
    std::optional<Millis> end;  // first moment that is not written
    std::optional<Day> opened;
    std::uint64_t late = 0, duplicates = 0;
    bool help = false;
};

struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <typename T>
T parse_number(std::string_view text, std::string_view what, T lowest, T highest) {
    T value{};
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < lowest || value > highest) {
        throw UsageError(std::string(what) + " wants a whole number from " + std::to_string(lowest) + " to " +
                         std::to_string(highest) + ", not '" + std::string(text) + "'");
    }
    return value;
}

Day parse_date(std::string_view text, std::string_view what) {
    const auto wrong = [&] {
        return UsageError(std::string(what) + " wants a date like 2026-01-31, not '" + std::string(text) + "'");
    };
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') throw wrong();
    for (const std::size_t i : {0, 1, 2, 3, 5, 6, 8, 9}) {
        if (text[i] < '0' || text[i] > '9') throw wrong();
    }
    const auto number = [&](std::size_t from, std::size_t size) {
        return parse_number<unsigned>(text.substr(from, size), what, 0, 9999);
    };
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(number(0, 4))),
                                           std::chrono::month(number(5, 2)), std::chrono::day(number(8, 2))};
    if (!date.ok() || date < std::chrono::year(1990) / 1 / 1) throw wrong();
    return std::chrono::sys_days(date).time_since_epoch().count();
}

// First moment after the end that is named.
Millis parse_end(std::string_view text) {
    const auto day = parse_date(text.substr(0, 10), "--end");
    if (text.size() == 10) return (day + 1) * kDay;
    const auto time = text.substr(10);
    if (time.size() != 10 || time[0] != 'T' || time[3] != ':' || time[6] != ':' || time[9] != 'Z') {
        throw UsageError("--end wants a date, or a time like 2026-01-31T12:00:00Z, not '" + std::string(text) + "'");
    }
    return day * kDay + parse_number<Millis>(time.substr(1, 2), "the hour of --end", 0, 23) * kHour +
           parse_number<Millis>(time.substr(4, 2), "the minute of --end", 0, 59) * kMinute +
           parse_number<Millis>(time.substr(7, 2), "the second of --end", 0, 59) * 1000;
}

std::vector<const Currency*> parse_currencies(std::string_view list) {
    std::vector<const Currency*> currencies;
    for (std::size_t from = 0; from <= list.size();) {
        const auto comma = std::min(list.find(',', from), list.size());
        const auto code = list.substr(from, comma - from);
        const auto* known = std::ranges::find(kCurrencies, code, &Currency::code);
        if (known == std::end(kCurrencies)) {
            throw UsageError("--currencies knows EUR, GBP, PLN, SEK, CHF and USD, not '" + std::string(code) + "'");
        }
        currencies.push_back(known);
        from = comma + 1;
    }
    return currencies;
}

// The name goes into JSON and CSV as it is.
std::string parse_store(std::string_view name) {
    const bool is_plain = std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
    if (name.empty() || name.size() > 100 || !is_plain) {
        throw UsageError("--store wants up to 100 letters, digits, '-', '_' or '.', not '" + std::string(name) + "'");
    }
    return std::string(name);
}

void set_option(Options& options, std::string_view name, std::string_view value) {
    constexpr auto kMany = std::uint64_t{10'000'000};
    if (name == "--format") {
        if (value != "ndjson" && value != "csv") {
            throw UsageError("--format is ndjson or csv, not '" + std::string(value) + "'");
        }
        options.format = value == "csv" ? EventWriter::Format::csv : EventWriter::Format::ndjson;
    } else if (name == "--store") {
        options.store = parse_store(value);
    } else if (name == "--days") {
        options.days = parse_number<Day>(value, name, 1, 10'000);
    } else if (name == "--end") {
        options.end = parse_end(value);
    } else if (name == "--late") {
        options.late = parse_number<std::uint64_t>(value, name, 0, 1000);
    } else if (name == "--duplicates") {
        options.duplicates = parse_number<std::uint64_t>(value, name, 0, 1000);
    } else if (name == "--seed") {
        options.shop.seed = parse_number<std::uint64_t>(value, name, 0, std::numeric_limits<std::uint64_t>::max());
    } else if (name == "--opened") {
        options.opened = parse_date(value, name);
    } else if (name == "--sessions-per-day") {
        options.shop.sessions_per_day = parse_number<std::uint64_t>(value, name, 1, kMany);
    } else if (name == "--growth") {
        options.shop.growth = parse_number<std::int64_t>(value, name, -100, 1000);
    } else if (name == "--products") {
        options.shop.products = parse_number<std::uint64_t>(value, name, 1, kMany);
    } else if (name == "--customers") {
        options.shop.customers = parse_number<std::uint64_t>(value, name, 1, kMany);
    } else if (name == "--currencies") {
        options.shop.currencies = parse_currencies(value);
    } else {
        throw UsageError("there is no option '" + std::string(name) + "'");
    }
}

Options parse_options(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--help" || argument == "-h") {
            options.help = true;
        } else if (const auto equals = argument.find('='); equals != std::string_view::npos) {
            set_option(options, argument.substr(0, equals), argument.substr(equals + 1));
        } else if (i + 1 < count) {
            set_option(options, argument, arguments[++i]);
        } else {
            throw UsageError("'" + std::string(argument) + "' is no option with a value");
        }
    }
    if (options.format == EventWriter::Format::csv && options.duplicates > 0) {
        throw UsageError("--duplicates is for ndjson: COPY refuses an event that it knows already");
    }
    return options;
}

Millis now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

void generate(Options options, std::FILE* out) {
    const Millis end = options.end ? *options.end : now();
    const Day last_day = (end - 1) / kDay;
    const Day first_day = last_day - options.days + 1;
    const Millis begin = first_day * kDay;
    options.shop.opened = options.opened.value_or(first_day);

    const Shop shop(options.shop);
    EventWriter writer(options.format, options.store);
    // days before the first are played for their refunds and for sessions that reach past midnight
    const Day played_from = std::max(options.shop.opened, first_day - kLongestReturn - 1);
    Delivery delivery(std::min(played_from, first_day), out);
    if (options.format == EventWriter::Format::csv) std::fwrite(kCsvHeader.data(), 1, kCsvHeader.size(), out);

    std::string text;
    const Shop::Sink deliver = [&](const Session& session, const Event& event) {
        if (event.at < begin || event.at >= end) return;
        text.clear();
        writer.append(text, session, event);
        if (options.late == 0 && options.duplicates == 0) {
            delivery.add(event.at, text);
            return;
        }
        // a generator of its own: how an event arrives must not change what happens
        Random random(mix(options.shop.seed, kArrival, event.at, event.number));
        const auto at =
            event.at + (random.chance(options.late) ? static_cast<Millis>(random.below(kMostLate * kDay)) : 0);
        delivery.add(at, text);
        if (random.chance(options.duplicates)) {
            delivery.add(at + static_cast<Millis>(random.below(kMostApart * kDay)), text);
        }
    };
    for (Day day = std::min(played_from, first_day); day <= last_day; ++day) {
        const auto sessions = shop.sessions_on(day);
        for (std::uint64_t place = 0; place < sessions; ++place) shop.play(day, place, deliver);
        delivery.end_day();
    }
    delivery.finish();
}

}  // namespace
}  // namespace traffic

int main(int count, char** arguments) {
    try {
        auto options = traffic::parse_options(count, arguments);
        if (options.help) {
            std::fwrite(traffic::kHelp.data(), 1, traffic::kHelp.size(), stdout);
            return 0;
        }
        traffic::generate(std::move(options), stdout);
        return 0;
    } catch (const traffic::UsageError& error) {
        std::fprintf(stderr, "traffic_generator: %s\ntraffic_generator: see --help\n", error.what());
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "traffic_generator: %s\n", error.what());
        return 1;
    }
}
