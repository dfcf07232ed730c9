// Events as text: a native event a line (NDJSON), or rows for COPY into analytics.event (CSV, a row per event line).
//
// Both hold the same traffic with the same figures: where NDJSON sends an order's discount, CSV holds each line's share
// of it. All text comes from shop.cpp and plain options: nothing in it needs escaping but the quotes of CSV's JSON.
#pragma once

#include "shop.hpp"

#include <charconv>
#include <string>
#include <string_view>

namespace traffic {

inline constexpr std::string_view kCsvHeader =
    "store_id,event_id,line,event_type,occurred_at,customer_id,anonymous_id,session_id,order_id,product_id,quantity,"
    "unit_price,amount,discount,tax,shipping,currency,channel,country,device,campaign,properties\n";

class EventWriter {
public:
    enum class Format : std::uint8_t { ndjson, csv };

    EventWriter(Format format, std::string store) : format_(format), store_(std::move(store)) {}

    // Appends the event; each line ends with a line feed.
    void append(std::string& text, const Session& session, const Event& event) {
        if (format_ == Format::ndjson) {
            append_ndjson(text, session, event);
        } else {
            append_csv(text, session, event);
        }
    }

private:
    void append_ndjson(std::string& text, const Session& session, const Event& event) {
        const auto& visitor = session.visitor;
        text.append(R"({"event_id":")");
        append_id(text, session, event);
        member(text, "event", event.type);
        text.append(R"(","timestamp":")");
        append_time(text, event.at);
        member(text, "store", store_);
        if (event.customer_known) member(text, "customer_id", visitor.customer_id);
        member(text, "anonymous_id", visitor.anonymous_id);
        if (!event.is_refund()) member(text, "session_id", session.id);
        if (event.names_order) member(text, "order_id", session.order_id);
        member(text, "currency", visitor.currency->code);
        member(text, "channel", visitor.channel);
        member(text, "country", visitor.country->code);
        member(text, "device", visitor.device);
        if (!session.campaign.empty()) member(text, "campaign", session.campaign);
        text.append("\"");
        if (event.names_order) {
            // a refund's discount stands with its items: they may be some of the order's alone
            if (!event.is_refund() && event.discount() > 0) money_member(text, "discount", event.discount());
            if (event.shipping > 0) money_member(text, "shipping", event.shipping);
        }
        if (!event.lines.empty()) {
            text.append(R"(,"items":[)");
            for (const auto& line : event.lines) append_item(text, event, line);
            text.back() = ']';
        }
        text.append(R"(,"properties":{"synthetic":true)");
        if (!event.detail_name.empty()) {
            text.append(",\"").append(event.detail_name).append("\":\"").append(event.detail).append("\"");
        }
        text.append("}}\n");
    }

    static void append_item(std::string& text, const Event& event, const Line& line) {
        text.append(R"({"product_id":")").append(line.product->id);
        member(text, "name", line.product->name);
        member(text, "category", line.product->category);
        member(text, "brand", line.product->brand);
        text.append(R"(","quantity":)");
        append_number(text, line.quantity);
        money_member(text, "price", line.price);
        if (event.is_refund() && line.discount > 0) money_member(text, "discount", line.discount);
        if (event.names_order) money_member(text, "tax", line.tax);
        text.append("},");
    }

    void append_csv(std::string& text, const Session& session, const Event& event) {
        if (event.lines.empty()) append_row(text, session, event, 1, nullptr);
        int number = 0;
        for (const auto& line : event.lines) append_row(text, session, event, ++number, &line);
    }

    void append_row(std::string& text, const Session& session, const Event& event, int number, const Line* line) {
        const auto& visitor = session.visitor;
        text.append(store_).append(",");
        append_id(text, session, event);
        text.append(",");
        append_number(text, number);
        text.append(",").append(event.type).append(",");
        append_time(text, event.at);
        text.append(",");
        if (event.customer_known) text.append(visitor.customer_id);
        text.append(",").append(visitor.anonymous_id).append(",");
        if (!event.is_refund()) text.append(session.id);
        text.append(",");
        if (event.names_order) text.append(session.order_id);
        text.append(",");
        if (line != nullptr) {
            text.append(line->product->id).append(",");
            append_number(text, line->quantity);
            text.append(",");
            append_money(text, line->price);
            text.append(",");
            append_money(text, line->amount());
            text.append(",");
            if (line->discount > 0) append_money(text, line->discount);
            text.append(",");
            if (event.names_order) append_money(text, line->tax);
        } else {
            text.append(",,,,,");
        }
        text.append(",");
        if (number == 1 && event.shipping > 0) append_money(text, event.shipping);
        text.append(",").append(visitor.currency->code).append(",").append(visitor.channel).append(",");
        text.append(visitor.country->code).append(",").append(visitor.device).append(",").append(session.campaign);
        text.append(R"(,"{""synthetic"":true)");
        if (line != nullptr) {
            property(text, "name", line->product->name);
            property(text, "category", line->product->category);
            property(text, "brand", line->product->brand);
        }
        if (!event.detail_name.empty()) property(text, event.detail_name, event.detail);
        text.append("}\"\n");
    }

    // Closes the string before it and opens its own: ...","name":"value
    static void member(std::string& text, std::string_view name, std::string_view value) {
        text.append("\",\"").append(name).append("\":\"").append(value);
    }

    static void money_member(std::string& text, std::string_view name, Cents value) {
        text.append(",\"").append(name).append("\":");
        append_money(text, value);
    }

    static void property(std::string& text, std::string_view name, std::string_view value) {
        text.append(",\"\"").append(name).append("\"\":\"\"").append(value).append("\"\"");
    }

    static void append_id(std::string& text, const Session& session, const Event& event) {
        text.append(session.id).append("-");
        append_number(text, event.number);
    }

    static void append_number(std::string& text, std::int64_t number) {
        char digits[24];
        text.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    }

    static void append_digits(std::string& text, std::int64_t number, int width) {
        char digits[8];
        for (int i = width; i-- > 0; number /= 10) digits[i] = static_cast<char>('0' + number % 10);
        text.append(digits, static_cast<std::size_t>(width));
    }

    static void append_money(std::string& text, Cents value) {
        append_number(text, value / 100);
        text.append(".");
        append_digits(text, value % 100, 2);
    }

    void append_time(std::string& text, Millis at) {
        if (const auto day = at / kDay; day != date_of_) {
            date_of_ = day;
            date_ = date_text(day, "-");
        }
        const auto time = at % kDay;
        text.append(date_).append("T");
        append_digits(text, time / kHour, 2);
        text.append(":");
        append_digits(text, time / kMinute % 60, 2);
        text.append(":");
        append_digits(text, time / 1000 % 60, 2);
        text.append(".");
        append_digits(text, time % 1000, 3);
        text.append("Z");
    }

    Format format_;
    std::string store_;
    Day date_of_ = -1;  // day that date_ spells
    std::string date_;
};

}  // namespace traffic
