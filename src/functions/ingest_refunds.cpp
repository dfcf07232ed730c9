#include "functions/ingest_refunds.hpp"

#include "core/currency.hpp"
#include "core/money.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "functions/ingest_keys.hpp"
#include "functions/ingest_lines.hpp"

namespace analytics::ingest {
namespace {

using OptionalText = std::optional<std::string_view>;

// An order as far as its refunds go.
struct Order {
    std::vector<OrderLine> bought, refunded;
    OptionalText customer_id, channel, country, excluded;
    std::string_view currency;
    bool tax_included = false;
    std::string problem;  // why nothing can be reckoned with it; empty: nothing is wrong
};

constexpr std::array<Oid, 2> kOrderParameters = {TEXTARRAYOID, TEXTARRAYOID};

// Refund lines of some orders; a line that was taken back has its negative right behind it.
pg::Statement read_refunds(
    "SELECT w.place, e.sign, e.event_id, e.product_id, e.line_kind, e.quantity, e.unit_price, e.amount, e.discount, "
    "e.tax,"
    "       e.shipping, e.currency"
    "  FROM (SELECT unnest($1) AS store_id, unnest($2) AS order_id, generate_subscripts($1, 1) AS place) w"
    "  JOIN analytics.event e ON e.store_id = w.store_id AND e.order_id = w.order_id AND e.event_type = 'refund'"
    " ORDER BY w.place, e.occurred_at, e.event_id, e.revision, e.line, e.sign DESC",
    kOrderParameters, pg::Search::by_index);

LineKind line_kind(std::string_view word) {
    return word == to_string(LineKind::gift_card) ? LineKind::gift_card
           : word == to_string(LineKind::fee)     ? LineKind::fee
                                                  : LineKind::product;
}

std::optional<Decimal> decimal_column(const pg::Row& row, int column) {
    const auto value = row.datum(column);
    return value ? std::optional(pg::decimal_from(*value)) : std::nullopt;
}

OptionalText kept(EventBatch& batch, const OptionalText& text) {
    return text ? OptionalText(batch.keep(std::string(*text))) : std::nullopt;
}

// Runs something that reckons with the order's numbers.
template <typename Step>
void attempt(Order& order, Step&& step) {
    try {
        step();
    } catch (const Error& error) {
        if (error.code() != Code::out_of_range) {
            throw;
        }
        order.problem = error.what();
    }
}

// Eight columns from `first` on: product_id, line_kind, quantity, unit_price, amount, discount, tax, shipping.
OrderLine order_line(EventBatch& batch, const pg::Row& row, const std::array<int, 8>& columns) {
    OrderLine line;
    line.product_id = kept(batch, row.optional_text(columns[0]));
    line.kind = line_kind(row.text(columns[1]));
    if (!row.is_null(columns[2])) {
        line.quantity = row.int4(columns[2]);
    }
    line.unit_price = decimal_column(row, columns[3]);
    line.amount = decimal_column(row, columns[4]);
    line.discount = decimal_column(row, columns[5]);
    line.tax = decimal_column(row, columns[6]);
    line.shipping = decimal_column(row, columns[7]);
    return line;
}

OrderLine order_line(const EventLine& line) {
    return {line.product_id, line.kind,     line.quantity, line.unit_price,
            line.amount,     line.discount, line.tax,      line.shipping};
}

// What a batch's own purchase says of the order.
Order order_of(const Event& purchase) {
    Order order;
    for (const EventLine& line : purchase.lines) {
        order.bought.push_back(order_line(line));
    }
    order.customer_id = purchase.customer_id;
    order.channel = purchase.channel;
    order.country = purchase.country;
    order.excluded = purchase.excluded;
    order.currency = purchase.currency;
    order.tax_included = purchase.tax_included;
    return order;
}

// The same of the lines that stand.
void read_order(EventBatch& batch, const StandingLines& lines, std::size_t version, Order& order) {
    for (std::size_t i = 0; i < lines.count(version); ++i) {
        const pg::Row row = lines.row(version, i);
        const auto column = [&](const char* name) { return SPI_fnumber(row.columns(), name); };
        order.bought.push_back(
            order_line(batch, row,
                       {column("product_id"), column("line_kind"), column("quantity"), column("unit_price"),
                        column("amount"), column("discount"), column("tax"), column("shipping")}));
        if (i == 0) {
            order.customer_id = kept(batch, row.optional_text(column("customer_id")));
            order.channel = kept(batch, row.optional_text(column("channel")));
            order.country = kept(batch, row.optional_text(column("country")));
            order.excluded = kept(batch, row.optional_text(column("excluded")));
            order.currency = kept(batch, row.optional_text(column("currency"))).value_or("");
            order.tax_included = row.boolean(column("tax_included"));
        }
    }
}

// Money never adds across currencies: a refund in another one takes nothing off the order.
bool in_currency_of(const Order& order, const OptionalText& currency) {
    return !currency || order.currency.empty() || *currency == order.currency;
}

// Adds to each order the refunds that stand and stay: those that the batch replaces are about to be taken back.
void add_standing_refunds(EventBatch& batch, const Plan& plan, const std::vector<KeyName>& names,
                          std::vector<Order>& orders, pg::Access access) {
    std::array<Datum, 2> columns{};
    pg::protect([&] {
        columns = {pg::text_array(names.size(), [&](std::size_t i) { return names[i].store_id; }),
                   pg::text_array(names.size(), [&](std::size_t i) { return names[i].key; })};
    });
    const auto rows = read_refunds.execute({columns[0], columns[1]}, access);
    const auto is_negative = [&](std::uint64_t i) { return i < rows.size() && DatumGetInt16(*rows[i].datum(2)) < 0; };
    for (std::uint64_t i = 0; i < rows.size(); ++i) {
        const pg::Row row = rows[i];
        const auto place = static_cast<std::size_t>(row.int4(1)) - 1;
        const Claim* const claim = find_claim(plan, {names[place].store_id, row.text(3), kEventKind});
        const bool is_replaced = claim != nullptr && claim->standing && plan.writes(*claim);
        if (!is_replaced && !is_negative(i) && !is_negative(i + 1) &&
            in_currency_of(orders[place], row.optional_text(12))) {
            attempt(orders[place], [&] {
                orders[place].refunded.push_back(order_line(batch, row, {4, 5, 6, 7, 8, 9, 10, 11}));
            });
        }
    }
}

std::size_t place_of(const std::vector<KeyName>& names, const KeyName& name) {
    const auto found = std::lower_bound(names.begin(), names.end(), name);
    return found != names.end() && *found == name ? static_cast<std::size_t>(found - names.begin()) : names.size();
}

KeyName order_name(const Event& event) { return {event.store_id, *event.order_id, kOrderKind}; }

void sort_names(std::vector<KeyName>& names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
}

// The events that the plan writes, in order of index.
std::vector<std::size_t> written_events(const Plan& plan) {
    std::vector<std::size_t> written;
    for (const Claim& claim : plan.claims) {
        if (plan.writes(claim)) {
            written.push_back(claim.latest);
        }
    }
    std::sort(written.begin(), written.end());
    return written;
}

// What a refund does not say of itself is said by its order.
void follow(Event& refund, const Order& order) {
    refund.customer_id = refund.customer_id ? refund.customer_id : order.customer_id;
    refund.channel = refund.channel ? refund.channel : order.channel;
    refund.country = refund.country ? refund.country : order.country;
    refund.excluded = refund.excluded ? refund.excluded : order.excluded;
}

void fill(Event& refund, Order& order) {
    const Currency* const currency = find_currency(order.currency);
    refund.lines = remaining_refund(order.bought, order.refunded, currency == nullptr ? 2 : currency->minor_digits);
    refund.currency = order.currency;
    refund.tax_included = order.tax_included;
    follow(refund, order);
    for (EventLine& line : refund.lines) {
        line.properties = refund.properties;
        order.refunded.push_back(order_line(line));
    }
}

}  // namespace

std::vector<Outcome> reject_unknown_orders(const std::vector<Event>& events, pg::Access access) {
    std::vector<Outcome> outcomes(events.size(), Outcome::duplicate);
    std::vector<KeyName> names;
    for (const Event& event : events) {
        if (is_full_refund(event)) {
            names.push_back(order_name(event));
        }
    }
    sort_names(names);
    const auto keys = look_up_keys(names, access);
    std::vector<bool> known(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        known[i] = keys[i] && keys[i]->lines > 0;
    }
    for (const Event& event : names.empty() ? std::span<const Event>() : std::span(events)) {
        const std::size_t place = event.known_by_order() ? place_of(names, name_of(event)) : names.size();
        if (place < names.size() && (!keys[place] || version_of(event) > keys[place]->version)) {
            known[place] = true;
        }
    }
    for (std::size_t i = 0; i < events.size(); ++i) {
        if (is_full_refund(events[i]) && !known[place_of(names, order_name(events[i]))]) {
            outcomes[i] = Outcome::rejected;
        }
    }
    return outcomes;
}

std::vector<KeyName> refunded_orders(const std::vector<Event>& events, const Plan& plan) {
    std::vector<KeyName> names;
    for (const Claim& claim : plan.claims) {
        if (claim.latest == Claim::kNone || events[claim.latest].event_type != "refund" ||
            !events[claim.latest].order_id) {
            continue;
        }
        if (claim.is_new || version_of(events[claim.latest]).can_supersede()) {
            names.push_back(order_name(events[claim.latest]));
        }
    }
    sort_names(names);
    return names;
}

std::vector<FailedRefund> fill_full_refunds(EventBatch& batch, const Plan& plan, const std::vector<KeyName>& names,
                                            const std::vector<std::optional<StandingKey>>& standing,
                                            pg::Access access) {
    std::vector<FailedRefund> failed;
    if (names.empty()) {
        return failed;
    }
    std::vector<Order> orders(names.size());
    std::vector<StandingVersion> versions;
    std::vector<std::size_t> order_of_version;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const Claim* const purchase = find_claim(plan, names[i]);
        if (purchase != nullptr && plan.writes(*purchase)) {
            orders[i] = order_of(batch.events[purchase->latest]);
        } else if (standing[i] && standing[i]->lines > 0) {
            order_of_version.push_back(i);
            versions.push_back({names[i], &*standing[i]});
        }
    }
    const StandingLines lines(versions, access);
    for (std::size_t version = 0; version < versions.size(); ++version) {
        Order& order = orders[order_of_version[version]];
        if (lines.count(version) == 0) {
            order.problem =
                "what the order has left cannot be told: its lines are older than the setting event_retention";
        }
        attempt(order, [&] { read_order(batch, lines, version, order); });
    }
    add_standing_refunds(batch, plan, names, orders, access);

    const auto written = written_events(plan);
    for (const std::size_t event : written) {
        Event& refund = batch.events[event];
        if (refund.event_type != "refund" || !refund.order_id || is_full_refund(refund)) {
            continue;
        }
        const std::size_t order = place_of(names, order_name(refund));
        if (order == names.size()) {
            continue;
        }
        if (!refund.currency_is_sent && !orders[order].currency.empty()) {
            refund.currency = orders[order].currency;
        }
        follow(refund, orders[order]);
        if (in_currency_of(orders[order], refund.currency)) {
            std::transform(refund.lines.begin(), refund.lines.end(), std::back_inserter(orders[order].refunded),
                           [](const EventLine& line) { return order_line(line); });
        }
    }
    for (const std::size_t event : written) {
        if (!is_full_refund(batch.events[event])) {
            continue;
        }
        Order& order = orders[place_of(names, order_name(batch.events[event]))];
        if (order.problem.empty()) {
            attempt(order, [&] { fill(batch.events[event], order); });
        }
        if (!order.problem.empty()) {
            failed.push_back({event, order.problem});
        }
    }
    return failed;
}

}  // namespace analytics::ingest
