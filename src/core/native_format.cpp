#include "core/native_format.hpp"

#include "core/country.hpp"
#include "core/money.hpp"
#include "core/quote.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace analytics {
namespace {

constexpr std::size_t kMaxExpandedProperties = 64 << 20;  // bytes, over all lines of an event
constexpr std::size_t kUnknown = static_cast<std::size_t>(-1);

// The known members of an event; the enumerators number the names.
enum EventField : std::size_t {
    kEvent,
    kEventId,
    kTimestamp,
    kRevision,
    kStore,
    kCustomerId,
    kAnonymousId,
    kSessionId,
    kOrderId,
    kCurrency,
    kChannel,
    kCountry,
    kDevice,
    kCampaign,
    kTax,
    kShipping,
    kDiscount,
    kAmount,
    kFull,
    kTaxIncluded,
    kTest,
    kItems,
    kProperties,
    kEventFields
};
constexpr std::array<std::string_view, kEventFields> kEventNames = {
    "event",    "event_id", "timestamp", "revision",     "store",  "customer_id", "anonymous_id", "session_id",
    "order_id", "currency", "channel",   "country",      "device", "campaign",    "tax",          "shipping",
    "discount", "amount",   "full",      "tax_included", "test",   "items",       "properties"};

enum ItemField : std::size_t {
    kProductId,
    kQuantity,
    kPrice,
    kLineDiscount,
    kLineTax,
    kKind,
    kName,
    kCategory,
    kBrand,
    kItemFields
};
constexpr std::array<std::string_view, kItemFields> kItemNames = {
    "product_id", "quantity", "price", "discount", "tax", "kind", "name", "category", "brand"};

template <std::size_t N>
std::size_t find_name(const std::array<std::string_view, N>& names, std::string_view name) {
    for (std::size_t i = 0; i < N; ++i) {
        if (names[i].size() == name.size() && names[i].front() == name.front() && names[i] == name) return i;
    }
    return kUnknown;
}

void append_member(std::string& members, std::string_view member) {
    if (!members.empty()) members.push_back(',');
    members.append(member);
}

bool is_blank(const json::Node& node) {
    return node.type == json::Type::null || (node.type == json::Type::string && node.content().empty());
}

bool is_event_type(std::string_view name) {
    if (name.empty() || name.size() > 64 || name.front() < 'a' || name.front() > 'z') return false;
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

// The member that holds each known field: of duplicates the last, as in jsonb.
struct NativeFormat::EventSlots {
    std::array<const json::Node*, kEventFields> nodes{};
    const json::Node* updated_at = nullptr;

    const json::Node* operator[](EventField field) const { return nodes[field]; }
};

struct NativeFormat::ItemSlots {
    std::array<const json::Node*, kItemFields> nodes{};

    const json::Node* operator[](ItemField field) const { return nodes[field]; }
};

void NativeFormat::read(const json::Node& root, Event& event) {
    const EventSlots slots = gather_members(root);
    const StoreEntry& store = read_identity(slots, event);
    gather_properties(slots[kProperties]);
    read_header(slots, store, event);
    read_lines(slots, store, event);
}

// Notes where the known members are; the unknown ones become properties.
NativeFormat::EventSlots NativeFormat::gather_members(const json::Node& root) {
    EventSlots slots;
    members_.clear();
    for (const json::Node& node : json::Children(root)) {
        const std::string_view name = name_of(node);
        const std::size_t field = find_name(kEventNames, name);
        if (field != kUnknown) {
            slots.nodes[field] = &node;
            continue;
        }
        if (name == "updated_at") slots.updated_at = &node;
        append_member(members_, node.member());
    }
    return slots;
}

// The members of "properties" come after the unknown ones and so win where both name the same.
void NativeFormat::gather_properties(const json::Node* properties) {
    if (properties == nullptr || is_blank(*properties)) return;
    if (properties->type != json::Type::object) {
        reject_event(reject::kWrongType, Where{"properties"},
                     "properties is " + std::string(json::to_string(properties->type)) + "; an object is wanted");
    }
    for (const json::Node& node : json::Children(*properties)) append_member(members_, node.member());
}

std::string_view NativeFormat::name_of(const json::Node& member) {
    if (!member.key_escaped) return member.key;
    name_.clear();
    json::unescape(member.key, name_);
    return name_;
}

const StoreEntry& NativeFormat::read_identity(const EventSlots& slots, Event& event) {
    event.event_id = fields_.key(slots[kEventId], Where{"event_id"}).value_or("");
    const auto store = fields_.key(slots[kStore], Where{"store"});
    if (store && context_.store_is_bound && *store != context_.store) {
        reject_event(reject::kStoreMismatch, Where{"store"},
                     "store is " + quoted(*store) + "; this sender may write to " + quoted(context_.store) + " only");
    }
    const std::string_view own = event.store_id;  // the one that ingest was called for
    if (store) event.store_id = *store;
    const StoreEntry& entry = stores_.find(event.store_id);
    if (!entry.rules->is_allowed) {
        const std::string_view wanted = event.store_id;
        event.store_id = own;  // the rejection is kept with the sender's store
        reject_event(reject::kStoreMismatch, Where{"store"}, "this sender may not write to store " + quoted(wanted));
    }
    return entry;
}

void NativeFormat::read_header(const EventSlots& slots, const StoreEntry& store, Event& event) {
    const auto type = fields_.text(slots[kEvent], Where{"event"});
    if (!type)
        reject_event(reject::kMissing, Where{"event"}, "event is missing; a name like purchase or view_item is wanted");
    if (!is_event_type(*type)) {
        reject_event(reject::kInvalidEventType, Where{"event"},
                     "event is " + quoted(*type) + "; 1 to 64 of a-z, 0-9 and _ are wanted, a letter first");
    }
    require_allowed(context_, *type);  // before anything that is wrong with what it may not send
    event.event_type = *type;
    event.revision = fields_.count(slots[kRevision], Where{"revision"}).value_or(1);

    const auto& to_instant = store.rules->to_instant;
    event.occurred_at =
        fields_.timestamp(slots[kTimestamp], Where{"timestamp"}, context_.now, to_instant).value_or(context_.now);
    if (event.event_type == "purchase") {
        event.updated_at = fields_.timestamp(slots.updated_at, Where{"updated_at"}, context_.now, to_instant);
    }

    event.customer_id = fields_.key(slots[kCustomerId], Where{"customer_id"});
    event.anonymous_id = fields_.key(slots[kAnonymousId], Where{"anonymous_id"});
    event.session_id = fields_.key(slots[kSessionId], Where{"session_id"});
    event.order_id = fields_.key(slots[kOrderId], Where{"order_id"});
    event.channel = fields_.key(slots[kChannel], Where{"channel"});
    event.device = fields_.key(slots[kDevice], Where{"device"});
    event.campaign = fields_.key(slots[kCampaign], Where{"campaign"});

    if (const auto country = fields_.text(slots[kCountry], Where{"country"})) {
        event.country = find_country(*country);
        if (!event.country) {
            const bool is_uk = *country == "UK" || *country == "uk";
            reject_event(
                reject::kInvalidCountry, Where{"country"},
                "country is " + quoted(*country) +
                    (is_uk ? "; the United Kingdom is GB" : "; an ISO 3166-1 code of two letters is wanted, like GB"));
        }
    }
    event.tax_included =
        fields_.boolean(slots[kTaxIncluded], Where{"tax_included"}).value_or(store.rules->tax_included);
    if (fields_.boolean(slots[kTest], Where{"test"}).value_or(false)) event.excluded = "test";

    if (!event.event_id.empty()) return;
    if (event.known_by_order()) {
        event.event_id = arena_.join({"purchase:", *event.order_id});
        if (event.event_id.size() > kMaxKeyBytes) {
            reject_event(reject::kKeyTooLong, Where{"order_id"},
                         "order_id is too long to stand for an event_id; send an event_id, or at most 1015 bytes");
        }
    } else {
        event.event_id = arena_.keep(context_.new_event_id());
    }
}

void NativeFormat::read_lines(const EventSlots& slots, const StoreEntry& store, Event& event) {
    OrderMoney order;
    order.tax_included = event.tax_included;
    const Currency* currency = store.currency;
    if (const auto code = fields_.text(slots[kCurrency], Where{"currency"})) {
        currency = find_currency(*code);
        if (currency == nullptr) {
            reject_event(reject::kUnknownCurrency, Where{"currency"},
                         "currency is " + quoted(*code) + "; an ISO 4217 code is wanted, like EUR");
        }
        event.currency_is_sent = true;
    }
    event.currency = currency->code;
    order.minor_digits = currency->minor_digits;
    order.discount = fields_.money(slots[kDiscount], Where{"discount"});
    order.tax = fields_.money(slots[kTax], Where{"tax"});
    const auto shipping = fields_.money(slots[kShipping], Where{"shipping"});
    const auto amount = fields_.money(slots[kAmount], Where{"amount"});
    const bool full = fields_.boolean(slots[kFull], Where{"full"}).value_or(false);

    const json::Node* const items = slots[kItems];
    if (items != nullptr && !is_blank(*items) && items->type != json::Type::array) {
        reject_event(reject::kWrongType, Where{"items"},
                     "items is " + std::string(json::to_string(items->type)) + "; an array is wanted");
    }
    order.itemised = items != nullptr && items->type == json::Type::array && items->span > 1;
    const bool is_refund = event.event_type == "refund";
    if (order.itemised) {
        read_items(*items, event);
    } else {
        if (!amount && event.event_type == "purchase") {
            reject_event(reject::kMissing, Where{"items"}, "a purchase needs items, or an amount");
        }
        if (!amount && is_refund) {
            if (!full) {
                reject_event(reject::kMissing, Where{"items"}, "a refund needs items, an amount, or \"full\": true");
            }
            if (!event.order_id) {
                reject_event(reject::kMissing, Where{"order_id"},
                             "a full refund needs the order_id of what is refunded");
            }
            event.scope = RefundScope::full;
            event.properties = members_.empty() ? "" : arena_.join({"{", members_, "}"});
            return;
        }
        // The one line is the event itself: nothing is shared out, and a refund's amount is what is given back.
        EventLine& line = event.lines.emplace_back();
        line.amount = amount;
        line.tax = std::exchange(order.tax, std::nullopt);
        line.discount = std::exchange(order.discount, std::nullopt);
        if (is_refund) line.discount.reset();
        if (!members_.empty()) line.properties = arena_.join({"{", members_, "}"});
    }
    settle(event.lines, order);
    event.lines.front().shipping = shipping;
}

void NativeFormat::read_items(const json::Node& items, Event& event) {
    std::size_t count = 0;
    for ([[maybe_unused]] const json::Node& item : json::Children(items)) ++count;
    if (count > static_cast<std::size_t>(kMaxLines)) {
        reject_event(reject::kOutOfRange, Where{"items"},
                     "items has " + std::to_string(count) + " elements; at most 32767 are taken");
    }
    // Every line carries the event's properties, so that each can be reported by them.
    if (members_.size() * count > kMaxExpandedProperties) {
        reject_event(reject::kOutOfRange, Where{"properties"},
                     "properties of " + std::to_string(members_.size()) + " bytes on " + std::to_string(count) +
                         " items; together at most 64 MiB are taken");
    }
    event.lines.reserve(count);
    const bool needs_price = event.event_type == "purchase" || event.event_type == "refund";
    std::string_view shared_properties;  // of items that bring none of their own
    for (const json::Node& item : json::Children(items)) {
        const std::size_t index = event.lines.size();
        EventLine& line = event.lines.emplace_back(read_item(item, index, needs_price));
        line.line = static_cast<std::int16_t>(index + 1);
        if (!item_members_.empty()) {
            line.properties = arena_.join({"{", members_, members_.empty() ? "" : ",", item_members_, "}"});
        } else if (!members_.empty()) {
            if (shared_properties.empty()) shared_properties = arena_.join({"{", members_, "}"});
            line.properties = shared_properties;
        }
    }
}

EventLine NativeFormat::read_item(const json::Node& item, std::size_t index, bool needs_price) {
    if (item.type != json::Type::object) {
        reject_event(reject::kWrongType, Where{"", index},
                     "the item is " + std::string(json::to_string(item.type)) + "; an object is wanted");
    }
    item_members_.clear();
    ItemSlots slots;
    for (const json::Node& node : json::Children(item)) {
        const std::size_t field = find_name(kItemNames, name_of(node));
        if (field != kUnknown) slots.nodes[field] = &node;
        if (field == kUnknown || (field >= kName && !is_blank(node))) append_member(item_members_, node.member());
    }

    EventLine line;
    line.product_id = fields_.key(slots[kProductId], Where{"product_id", index});
    line.quantity = fields_.count(slots[kQuantity], Where{"quantity", index}).value_or(1);
    line.unit_price = fields_.money(slots[kPrice], Where{"price", index});
    line.discount = fields_.money(slots[kLineDiscount], Where{"discount", index});
    line.tax = fields_.money(slots[kLineTax], Where{"tax", index});
    if (const auto kind = fields_.text(slots[kKind], Where{"kind", index})) {
        if (*kind == to_string(LineKind::product))
            line.kind = LineKind::product;
        else if (*kind == to_string(LineKind::gift_card))
            line.kind = LineKind::gift_card;
        else if (*kind == to_string(LineKind::fee))
            line.kind = LineKind::fee;
        else
            reject_event(reject::kOutOfRange, Where{"kind", index},
                         "kind is " + quoted(*kind) + "; product, gift_card or fee is wanted");
    }
    if (line.unit_price) {
        line.amount = *line.unit_price * *line.quantity;
    } else if (needs_price) {
        reject_event(reject::kMissing, Where{"price", index},
                     "price is missing; items of purchases and refunds need one");
    }
    return line;
}

}  // namespace analytics
