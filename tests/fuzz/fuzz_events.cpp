// Whatever bytes arrive: every value of the payload comes out once, as a sound event or as a rejection; and what is
// JSON is what simdjson, written by others, takes for JSON.
#include "core/country.hpp"
#include "core/currency.hpp"
#include "core/error.hpp"
#include "core/event.hpp"
#include "core/fields.hpp"
#include "core/json.hpp"
#include "core/money.hpp"
#include "core/timestamp.hpp"
#include "core/utf8.hpp"

#include <simdjson.h>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace analytics;

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                \
        }                                                                                \
    } while (false)

constexpr UnixMicros kNow = 1'717'243'200'000'000;  // 2024-06-01

void check_text(std::string_view text, std::size_t longest) {
    CHECK(text.size() <= longest);
    CHECK(is_valid_utf8(text));
    CHECK(text.find('\0') == std::string_view::npos);
}

void check_key(const std::optional<std::string_view>& key) {
    if (!key) return;
    CHECK(!key->empty());
    check_text(*key, kMaxKeyBytes);
}

void check_money(const std::optional<Decimal>& value) {
    if (!value) return;
    CHECK(!value->is_negative());
    CHECK(value->scale() >= 0 && value->scale() <= 38);
    CHECK(*Decimal(value->coefficient(), value->scale()).to_string().begin() != '-');
}

bool is_json_object(std::string_view text) {
    const std::string copy(text);
    json::Document document;
    return document.read(copy.data(), copy.data() + copy.size()) && !document.flaw() &&
           document.stop() == copy.data() + copy.size() && document.root().type == json::Type::object;
}

void check_line(const Event& event, const EventLine& line) {
    check_key(line.product_id);
    CHECK(!line.quantity || *line.quantity >= 1);
    for (const auto& value : {line.unit_price, line.amount, line.discount, line.tax, line.shipping}) check_money(value);
    CHECK(line.line == 1 || !line.shipping);
    if (line.amount && line.discount) CHECK(*line.discount <= *line.amount);
    if (event.event_type == "purchase" || event.event_type == "refund") CHECK(line.amount.has_value());
    if (!event.tax_included && line.unit_price) CHECK(*line.amount == *line.unit_price * *line.quantity);
    if (!line.properties.empty()) CHECK(is_json_object(line.properties));
}

void check_event(const Event& event) {
    check_text(event.event_id, kMaxKeyBytes);
    CHECK(!event.event_id.empty());
    check_text(event.store_id, kMaxKeyBytes);
    CHECK(!event.store_id.empty());
    check_text(event.event_type, 64);
    CHECK(!event.event_type.empty() && event.event_type[0] >= 'a' && event.event_type[0] <= 'z');
    CHECK(event.revision >= 1);
    for (const auto& time : {std::optional(event.occurred_at), event.updated_at}) {
        if (time) CHECK(*time >= midnight_micros(1990, 1, 1) && *time <= kNow + kMicrosPerDay);
    }
    for (const auto& key : {event.customer_id, event.anonymous_id, event.session_id, event.order_id, event.channel,
                            event.device, event.campaign}) {
        check_key(key);
    }
    CHECK(find_currency(event.currency) != nullptr && find_currency(event.currency)->code == event.currency);
    if (event.country) CHECK(find_country(*event.country) == *event.country);
    if (event.excluded) CHECK(*event.excluded == "test");
    CHECK(is_json_object(event.source));
    if (!event.properties.empty()) CHECK(is_json_object(event.properties));

    CHECK(event.lines.empty() == (event.scope == RefundScope::full));
    if (event.scope == RefundScope::full) CHECK(event.event_type == "refund" && event.order_id);
    for (std::size_t i = 0; i < event.lines.size(); ++i) {
        CHECK(event.lines[i].line == static_cast<int>(i) + 1);
        check_line(event, event.lines[i]);
    }
}

void check_rejection(const Rejection& rejection, std::string_view payload) {
    static const std::set<std::string> codes = {
        "invalid_json",           "not_an_object",    "missing",      "wrong_type",       "invalid_event_type",
        "invalid_timestamp",      "invalid_number",   "out_of_range", "unknown_currency", "invalid_country",
        "key_too_long",           "too_deep",         "invalid_utf8", "nul_character",    "store_mismatch",
        "timestamp_out_of_range", "event_not_allowed"};
    CHECK(codes.count(rejection.code) == 1);
    CHECK(!rejection.message.empty());
    check_text(rejection.message, 300);
    check_text(rejection.pointer, 16'384);
    CHECK(rejection.pointer.empty() || rejection.pointer[0] == '/');
    check_key(rejection.event_id);
    check_text(rejection.store_id, kMaxKeyBytes);
    CHECK(!rejection.store_id.empty());
    CHECK(!rejection.source.empty());
    CHECK(payload.find(rejection.source) != std::string_view::npos);
    if (rejection.is_json) CHECK(is_valid_utf8(rejection.source));
}

// What a full refund of the payload's purchases would give back after its refunds.
void check_full_refund(const std::vector<Event>& events) {
    std::vector<OrderLine> bought;
    std::vector<OrderLine> refunded;
    for (const Event& event : events) {
        if (event.event_type != "purchase" && event.event_type != "refund") continue;
        for (const EventLine& line : event.lines) {
            (event.event_type == "purchase" ? bought : refunded)
                .push_back({line.product_id, line.kind, line.quantity, line.unit_price, line.amount, line.discount,
                            line.tax, line.shipping});
        }
    }
    const auto total = [](const auto& lines) {
        Decimal sum;
        for (const auto& line : lines) {
            sum = sum + *line.amount - line.discount.value_or(Decimal()) + line.tax.value_or(Decimal()) +
                  line.shipping.value_or(Decimal());
        }
        return sum;
    };
    try {
        const auto lines = remaining_refund(bought, refunded, 2);
        CHECK(!lines.empty());
        for (const EventLine& line : lines) {
            for (const auto& value : {line.amount, line.discount, line.tax, line.shipping}) check_money(value);
        }
        CHECK(total(lines) == std::max(total(bought) - total(refunded), Decimal()));
    } catch (const Error& error) {
        CHECK(error.code() == Code::out_of_range);  // more digits or units than can be held
    }
}

void check_batch(std::string_view payload, const ParseContext& context) {
    EventBatch parsed;
    try {
        parsed = parse_events(payload, Format::automatic, context);
    } catch (const Error& error) {
        CHECK(error.code() == Code::invalid_text);
        CHECK(is_valid_utf8(error.detail()));
        return;
    }
    const EventBatch batch = std::move(parsed);
    std::vector<std::size_t> indexes;
    for (const Event& event : batch.events) indexes.push_back(event.index);
    CHECK(std::is_sorted(indexes.begin(), indexes.end()));
    const std::size_t events = indexes.size();
    for (const Rejection& rejection : batch.rejections) indexes.push_back(rejection.index);
    CHECK(std::is_sorted(indexes.begin() + static_cast<std::ptrdiff_t>(events), indexes.end()));
    std::sort(indexes.begin(), indexes.end());
    for (std::size_t i = 0; i < indexes.size(); ++i) CHECK(indexes[i] == i);

    for (const Event& event : batch.events) check_event(event);
    for (const Rejection& rejection : batch.rejections) check_rejection(rejection, payload);
    check_full_refund(batch.events);
}

// Both readers take the payload for one JSON value, or neither does; but for what is meant to differ: simdjson takes
// U+0000 and half a surrogate pair, deep nesting and large exponents, and refuses long integers.
void compare_readers(const std::string& text) {
    static simdjson::dom::parser parser(1 << 20);
    if (text.size() >= (1 << 20)) return;
    const auto theirs = parser.parse(text).error();

    json::Document document;
    const char* const end = text.data() + text.size();
    const bool read = document.read(text.data(), end) && json::skip_blanks(document.stop(), end) == end;
    const bool ours = read && !document.flaw();
    if (ours) CHECK(theirs == simdjson::SUCCESS || theirs == simdjson::NUMBER_ERROR);
    if (theirs == simdjson::SUCCESS) {
        CHECK(read);
        if (document.flaw()) {
            const auto kind = document.flaw()->kind;
            CHECK(kind == json::Flaw::Kind::nul || kind == json::Flaw::Kind::too_deep ||
                  kind == json::Flaw::Kind::too_large || (kind == json::Flaw::Kind::bad_utf8 && is_valid_utf8(text)));
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string payload(reinterpret_cast<const char*>(data), size);
    StoreRules plain;
    plain.currency = "GBP";
    plain.to_instant = [](UnixMicros wall) { return wall; };
    StoreRules inclusive = plain;
    inclusive.currency = "JPY";
    inclusive.tax_included = true;

    ParseContext context;
    context.now = kNow;
    context.store_is_bound = size % 4 == 3;
    const std::vector<std::string> types = {"view_item", "a"};
    context.event_types = size % 8 == 5 ? &types : nullptr;
    context.rules = [&](std::string_view store) -> const StoreRules& { return store == "main" ? plain : inclusive; };
    int ids = 0;
    context.new_event_id = [&ids] { return "random-" + std::to_string(++ids); };

    check_batch(payload, context);
    compare_readers(payload);
    return 0;
}
