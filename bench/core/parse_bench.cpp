// How many native purchase lines a second the core reads: bodies of 10,000 events as NDJSON and as one array.
// Prints the median of several runs for each body, in processor time, so that neighbours disturb little. Where simdjson
// is installed, also what its DOM takes to read the lines (nothing but read) beside what our reader takes.
#include "core/event.hpp"
#include "core/json.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#ifdef ANALYTICS_HAVE_SIMDJSON
#include <simdjson.h>
#endif

namespace {

using analytics::EventBatch;

constexpr int kEvents = 10'000;
constexpr int kRuns = 21;

struct Shape {
    const char* name;
    bool array;
    int items;         // an event
    bool order_money;  // order-level discount and tax, prices with tax included
    bool pretty;       // blanks as other serialisers leave them
};

std::string money(std::mt19937_64& random, int below) {
    const auto cents = static_cast<int>(random() % static_cast<unsigned>(below));
    char text[32];
    std::snprintf(text, sizeof text, "%d.%02d", cents / 100, cents % 100);
    return text;
}

std::string make_body(const Shape& shape) {
    std::mt19937_64 random(42);
    const std::string colon = shape.pretty ? ": " : ":";
    const std::string comma = shape.pretty ? ", " : ",";
    std::string body = shape.array ? "[" : "";
    for (int e = 0; e < kEvents; ++e) {
        if (e > 0) body += shape.array ? "," : "\n";
        const auto member = [&](const char* key, const std::string& value, bool first = false) {
            if (!first) body += comma;
            body += "\"" + std::string(key) + "\"" + colon + value;
        };
        const auto text = [](const std::string& value) { return "\"" + value + "\""; };
        body += "{";
        member("event", text("purchase"), true);
        member("event_id", text("evt-" + std::to_string(random())));
        member("timestamp", text("2024-05-" + std::to_string(10 + e % 20) + "T12:34:56.789Z"));
        member("order_id", text("order-" + std::to_string(e)));
        member("customer_id", text("customer-" + std::to_string(random() % 5000)));
        member("session_id", text("s" + std::to_string(random() % 1'000'000)));
        member("currency", text("GBP"));
        member("channel", text("web"));
        member("country", text("GB"));
        member("device", text("mobile"));
        if (shape.order_money) {
            member("tax_included", "true");
            member("discount", "1.00");
            member("tax", "0.25");
        }
        member("shipping", "4.95");
        member("items", "[");
        for (int i = 0; i < shape.items; ++i) {
            body += i > 0 ? comma + "{" : "{";
            member("product_id", text("P" + std::to_string(random() % 20'000)), true);
            member("name", text("A product's name " + std::to_string(random() % 1000)));
            member("category", text("category-" + std::to_string(random() % 50)));
            member("quantity", std::to_string(1 + random() % 5));
            member("price", "1" + money(random, 10'000));
            body += "}";
        }
        body += "]";
        member("properties", "{\"city\"" + colon + "\"London\"}");
        body += "}";
    }
    if (shape.array) body += "]";
    return body;
}

// Seconds that one call takes, the median of several.
template <typename Call>
double median_seconds(Call call) {
    std::vector<double> seconds;
    for (int i = 0; i < kRuns; ++i) {
        const std::clock_t start = std::clock();
        call();
        seconds.push_back(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    std::nth_element(seconds.begin(), seconds.begin() + kRuns / 2, seconds.end());
    return seconds[kRuns / 2];
}

void run(const Shape& shape, const analytics::ParseContext& context) {
    const std::string body = make_body(shape);
    std::size_t lines = 0;
    const double seconds = median_seconds([&] {
        const EventBatch batch = analytics::parse_events(body, analytics::Format::automatic, context);
        if (batch.events.size() != kEvents) {
            std::fprintf(stderr, "%s: %s\n", shape.name, batch.rejections.front().message.c_str());
            std::exit(1);
        }
        lines = 0;
        for (const auto& event : batch.events) lines += event.lines.size();
    });
    std::printf("%-48s %9.0f lines/s %9.0f events/s %7.1f MB/s\n", shape.name, static_cast<double>(lines) / seconds,
                kEvents / seconds, static_cast<double>(body.size()) / seconds / 1e6);
}

void compare_readers(const Shape& shape) {
    const std::string body = make_body(shape);
    const auto megabytes = static_cast<double>(body.size()) / 1e6;
    analytics::json::Document document;
    const double ours = median_seconds([&] {
        const char* const end = body.data() + body.size();
        for (const char* p = body.data(); p < end; p = document.stop()) {
            if (!document.read(p, end)) std::exit(1);
        }
    });
    std::printf("%-48s %48.1f MB/s\n", "  reading alone, core/json", megabytes / ours);
#ifdef ANALYTICS_HAVE_SIMDJSON
    simdjson::dom::parser parser;
    const simdjson::padded_string padded(body);
    std::size_t count = 0;
    const double theirs = median_seconds([&] {
        simdjson::dom::document_stream stream;
        if (parser.parse_many(padded).get(stream) != simdjson::SUCCESS) std::exit(1);
        for (auto element : stream) count += element.error() == simdjson::SUCCESS ? 1U : 0U;
    });
    if (count != std::size_t{kEvents} * kRuns) std::exit(1);
    std::printf("%-48s %48.1f MB/s\n", "  reading alone, simdjson DOM", megabytes / theirs);
#endif
}

}  // namespace

int main() {
    analytics::StoreRules rules;
    rules.currency = "GBP";
    rules.to_instant = [](analytics::UnixMicros wall) { return wall; };
    analytics::ParseContext context;
    context.now = 1'735'689'600'000'000;  // 2025-01-01
    context.rules = [&rules](std::string_view) -> const analytics::StoreRules& { return rules; };
    context.new_event_id = [] { return std::string("generated"); };

    const Shape shapes[] = {
        {"NDJSON, 1 line an event", false, 1, false, false},
        {"NDJSON, 3 lines an event", false, 3, false, false},
        {"NDJSON, 10 lines an event", false, 10, false, false},
        {"array, 3 lines an event, blanks", true, 3, false, true},
        {"NDJSON, 3 lines, tax included, discount shared", false, 3, true, false},
    };
    for (const Shape& shape : shapes) run(shape, context);
    compare_readers(shapes[1]);
}
