#include "core/cells/sessions.hpp"

#include <algorithm>
#include <tuple>

namespace analytics::cells {
namespace {

constexpr std::int64_t kDayLength = 86'400'000'000;

std::int64_t subtract(std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    return __builtin_sub_overflow(a, b, &result) ? kBeginning : result;
}

std::int64_t add_up(std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    return __builtin_add_overflow(a, b, &result) ? kEnd : result;
}

bool is_sent(Word key, const Words& words) { return words.text(key).starts_with('s'); }

void take_first(Attribute& held, const Attribute& other, const Words& words) {
    if (other.value == 0) {
        return;
    }
    if (held.value == 0 || other.at < held.at ||
        (other.at == held.at && other.value != held.value &&
         words.text(other.value - 1) < words.text(held.value - 1))) {
        held = other;
    }
}

void take_in(Session& whole, const Session& part, const Words& words) {
    whole.started_at = std::min(whole.started_at, part.started_at);
    whole.ended_at = std::max(whole.ended_at, part.ended_at);
    whole.events += part.events;
    whole.orders += part.orders;
    whole.views += part.views;
    whole.carts += part.carts;
    whole.checkouts += part.checkouts;
    whole.has_cart_values = whole.has_cart_values || part.has_cart_values;
    for (const auto& [currency, value] : part.cart_values) {
        whole.cart_values[currency].add(value);
    }
    take_first(whole.channel, part.channel, words);
    take_first(whole.country, part.country, words);
    take_first(whole.device, part.device, words);
    take_first(whole.currency, part.currency, words);
}

}  // namespace

bool Sessions::Event::counts() const { return n != 0 || priced != 0 || (cart_value && !cart_value->is_zero()); }

void Sessions::add(SessionLine line) {
    if (!is_lost_.empty() && is_lost_.contains(hash_of(line.store, line.key))) {
        return;
    }
    lines_.push_back(std::move(line));
    sorted_ = false;
}

void Sessions::sort() {
    if (sorted_) {
        return;
    }
    const auto order = [](const SessionLine& line) {
        return std::tie(line.store, line.key, line.at, line.type, line.channel, line.country, line.device,
                        line.currency);
    };
    std::sort(lines_.begin(), lines_.end(),
              [&](const SessionLine& a, const SessionLine& b) { return order(a) < order(b); });
    sorted_ = true;
}

// Of lines of one key, in order of time.
std::vector<Sessions::Event> Sessions::events_of(std::size_t from, std::size_t to) const {
    const auto said = [](const SessionLine& line) {
        return std::tie(line.at, line.type, line.channel, line.country, line.device, line.currency);
    };
    std::vector<Event> events;
    for (std::size_t i = from; i < to; ++i) {
        const SessionLine& line = lines_[i];
        if (events.empty() || said(*events.back().line) != said(line)) {
            events.emplace_back().line = &line;
        }
        Event& event = events.back();
        event.n += line.first_line ? line.sign : 0;
        event.priced += line.priced ? line.sign : 0;
        if (line.cart_value) {
            if (!event.cart_value) {
                event.cart_value.emplace();
            }
            event.cart_value->add(*line.cart_value);
        }
    }
    return events;
}

std::vector<Probe> Sessions::probes() {
    sort();
    std::vector<Probe> found;
    for (std::size_t from = 0; from < lines_.size();) {
        std::size_t to = from;
        while (to < lines_.size() && lines_[to].store == lines_[from].store && lines_[to].key == lines_[from].key) {
            ++to;
        }
        const SessionLine& first = lines_[from];
        if (is_sent(first.key, *words_)) {
            found.push_back({first.store, first.key, kBeginning, kEnd});
        } else {
            std::int64_t day = 0;
            bool open = false;
            for (std::size_t i = from; i < to; ++i) {
                const std::int64_t at = lines_[i].at;
                const std::int64_t its_day = at / kDayLength - (at % kDayLength < 0 ? 1 : 0);
                if (!open || its_day != day) {
                    found.push_back({first.store, first.key, subtract(at, first.gap), 0});
                    open = true;
                    day = its_day;
                }
                found.back().to = add_up(at, first.gap);
            }
        }
        from = to;
    }
    return found;
}

void Sessions::add_merged(Session session) {
    auto& of_key = merged_[key_of(session.store, session.key)];
    const bool known = std::any_of(of_key.begin(), of_key.end(),
                                   [&](const Session& other) { return other.started_at == session.started_at; });
    if (!known) {
        of_key.push_back(std::move(session));
    }
}

Session Sessions::part_of(const Event& event) const {
    const SessionLine& line = *event.line;
    const std::string_view type = words_->text(line.type);
    Session part;
    part.store = line.store;
    part.key = line.key;
    part.started_at = part.ended_at = line.at;
    part.day = line.day;
    part.events = event.n;
    if (type == "purchase") {
        part.orders = event.n;
    } else if (type == "view_item") {
        part.views = event.n;
    } else if (type == "add_to_cart") {
        part.carts = event.n;
    } else if (type == "begin_checkout" || type == "add_shipping_info" || type == "add_payment_info") {
        part.checkouts = event.n;
    }
    if (event.cart_value && !event.cart_value->is_zero()) {
        part.has_cart_values = true;
        part.cart_values[line.currency].add(*event.cart_value);
    }
    if (event.n > 0) {
        part.channel = {line.channel, line.at};
        part.country = {line.country, line.at};
        part.device = {line.device, line.at};
    }
    if (event.priced > 0) {
        part.currency = {line.currency + 1, line.at};
    }
    return part;
}

// Parts in order become the sessions they are; one: all of them are.
void Sessions::join(std::vector<Session>& parts, bool one, std::int64_t gap) {
    std::stable_sort(parts.begin(), parts.end(), [](const Session& a, const Session& b) {
        return std::tie(a.started_at, a.ended_at) < std::tie(b.started_at, b.ended_at);
    });
    std::size_t last = 0;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        if (one || subtract(parts[i].started_at, gap) <= parts[last].ended_at) {
            take_in(parts[last], parts[i], *words_);
        } else if (++last != i) {
            parts[last] = std::move(parts[i]);
        }
    }
    parts.resize(std::min(parts.size(), last + 1));
    std::erase_if(parts, [](const Session& session) { return session.events <= 0; });
}

std::vector<Change> Sessions::changes() {
    sort();
    held_.clear();
    std::vector<Change> found;
    for (std::size_t from = 0; from < lines_.size();) {
        const SessionLine& first = lines_[from];
        std::size_t to = from;
        while (to < lines_.size() && lines_[to].store == first.store && lines_[to].key == first.key) {
            ++to;
        }
        const std::uint64_t key = key_of(first.store, first.key);
        const auto merged = merged_.find(key);
        const std::span<const Session> before = merged == merged_.end() ? std::span<const Session>() : merged->second;
        std::vector<Event> events = events_of(from, to);
        bool lost = false;
        for (Event& event : events) {
            event.kept = std::any_of(before.begin(), before.end(), [&](const Session& session) {
                return session.kept && session.started_at <= event.line->at && session.ended_at >= event.line->at;
            });
            lost = lost || ((event.n < 0 || event.priced < 0) && !event.kept);
        }
        from = to;
        if (lost) {
            is_lost_.insert(hash_of(first.store, first.key));
            lost_.emplace_back(words_->text(first.store), words_->text(first.key));
            continue;
        }
        std::vector<Session> parts(before.begin(), before.end());
        for (const Event& event : events) {
            if (event.counts()) {
                parts.push_back(part_of(event));
            }
        }
        join(parts, is_sent(first.key, *words_), first.gap);
        held_.push_back(std::move(parts));
        const std::vector<Session>& after = held_.back();
        for (const Session& session : before) {
            const bool stands = std::any_of(after.begin(), after.end(), [&](const Session& other) {
                return other.started_at == session.started_at;
            });
            found.push_back({-1, stands, true, &session});
        }
        for (const Session& session : after) {
            const bool known = std::any_of(before.begin(), before.end(), [&](const Session& other) {
                return other.started_at == session.started_at;
            });
            found.push_back({1, true, known, &session});
        }
    }
    return found;
}

std::map<DayKey, DayTotals> days_of(std::span<const Change> changes) {
    std::map<DayKey, DayTotals> days;
    for (const Change& change : changes) {
        const Session& session = *change.session;
        DayTotals& day = days[{session.store, session.day, session.channel.value, session.country.value,
                               session.device.value, session.currency.value}];
        const bool bought = session.orders > 0;
        const bool in_checkout = bought || session.checkouts > 0;
        const bool in_cart = in_checkout || session.carts > 0;
        const bool viewed = in_cart || session.views > 0;
        const std::int64_t duration = session.ended_at - session.started_at;
        day.sessions += change.sign;
        day.bounces += session.events == 1 ? change.sign : 0;
        day.events += change.sign * session.events;
        day.orders += change.sign * session.orders;
        day.days += change.sign * (duration / kDayLength);
        day.micros += change.sign * (duration % kDayLength);
        day.view_item += viewed ? change.sign : 0;
        day.add_to_cart += in_cart ? change.sign : 0;
        day.begin_checkout += in_checkout ? change.sign : 0;
        day.purchase += bought ? change.sign : 0;
        // of the session's currency; a session that no event gives a currency has no priced cart
        if (const auto value = session.cart_values.find(session.currency.value - 1);
            session.orders == 0 && session.currency.value != 0 && value != session.cart_values.end() &&
            !value->second.is_negative()) {
            change.sign > 0 ? day.value_lost.add(value->second) : day.value_lost.subtract(value->second);
        }
    }
    return days;
}

void Sessions::clear() {
    lines_.clear();
    merged_.clear();
    held_.clear();
}

}  // namespace analytics::cells
