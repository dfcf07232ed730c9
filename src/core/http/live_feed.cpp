#include "core/http/live_feed.hpp"

#include <algorithm>
#include <charconv>

#include "core/http/errors.hpp"
#include "core/json.hpp"

namespace analytics::http {
namespace {

constexpr std::size_t kMessageEvents = 100;

std::string text_of(const json::Node& node) {
    std::string text;
    if (node.type == json::Type::string) {
        json::unescape(node.content(), text);
    }
    return text;
}

std::string name_of(const json::Node& node) {
    std::string name;
    json::unescape(node.key, name);
    return name;
}

bool read(json::Document& document, const std::string& text, json::Type type) {
    return document.read(text.data(), text.data() + text.size()) && !document.flaw() && document.root().type == type;
}

}  // namespace

bool LiveFilter::takes_store(std::string_view name) const {
    return (!allowed || std::find(allowed->begin(), allowed->end(), name) != allowed->end()) &&
           (!store || *store == name);
}

bool LiveFilter::takes_type(std::string_view name) const {
    return types.empty() || std::find(types.begin(), types.end(), name) != types.end();
}

std::optional<LiveBatch> read_batch(std::string id, std::string as_of, std::string_view events,
                                    std::string_view counts) {
    LiveBatch batch{std::move(id), std::move(as_of), {}, {}};
    const std::string events_text(events);
    const std::string counts_text(counts);
    json::Document document;
    if (!read(document, events_text, json::Type::array)) {
        return std::nullopt;
    }
    for (const json::Node& event : json::Children(document.root())) {
        // (a line feed would end the message's line; jsonb writes none)
        if (event.type != json::Type::object || event.raw.find_first_of("\r\n") != std::string_view::npos) {
            return std::nullopt;
        }
        LiveEvent& added = batch.events.emplace_back();
        added.json = event.raw;
        for (const json::Node& member : json::Children(event)) {
            if (member.key == "store_id") {
                added.store = text_of(member);
            } else if (member.key == "event_type") {
                added.type = text_of(member);
            }
        }
    }
    if (!read(document, counts_text, json::Type::object)) {
        return std::nullopt;
    }
    for (const json::Node& store : json::Children(document.root())) {
        if (store.type != json::Type::object) {
            return std::nullopt;
        }
        auto& of_store = batch.counts[name_of(store)];
        for (const json::Node& type : json::Children(store)) {
            std::int64_t count = 0;
            const auto end = type.raw.data() + type.raw.size();
            if (std::from_chars(type.raw.data(), end, count).ptr != end) {
                return std::nullopt;
            }
            of_store[name_of(type)] += count;
        }
    }
    return batch;
}

std::string message_for(const LiveBatch& batch, const LiveFilter& filter) {
    std::map<std::string, std::int64_t> counts;
    std::int64_t all = 0;
    for (const auto& [store, types] : batch.counts) {
        if (!filter.takes_store(store)) {
            continue;
        }
        for (const auto& [type, count] : types) {
            if (filter.takes_type(type) && count > 0) {
                counts[type] += count;
                all += count;
            }
        }
    }
    if (all == 0) {
        return {};
    }
    std::vector<const LiveEvent*> shown;
    for (auto event = batch.events.rbegin(); event != batch.events.rend() && shown.size() < kMessageEvents; ++event) {
        if (filter.takes_store(event->store) && filter.takes_type(event->type)) {
            shown.push_back(&*event);
        }
    }
    std::string message = "id: " + batch.id + "\nevent: events\ndata: {\"as_of\":";
    append_json(message, batch.as_of);
    message += ",\"events\":[";
    for (auto event = shown.rbegin(); event != shown.rend(); ++event) {
        message += event == shown.rbegin() ? "" : ",";
        message += (*event)->json;
    }
    message += "],\"counts\":{";
    bool first = true;
    for (const auto& [type, count] : counts) {
        message += first ? "" : ",";
        append_json(message, type);
        message += ':' + std::to_string(count);
        first = false;
    }
    message += "},\"dropped\":" + std::to_string(all - static_cast<std::int64_t>(shown.size())) + "}\n\n";
    return message;
}

std::string position_message(std::string_view id) { return "id: " + std::string(id) + "\n\n"; }

std::string reset_message(std::string_view id) { return "id: " + std::string(id) + "\nevent: reset\ndata: {}\n\n"; }

bool is_snapshot(std::string_view text) {
    const auto colon = text.find(':');
    const auto second = colon == std::string_view::npos ? colon : text.find(':', colon + 1);
    const auto is_number = [](std::string_view part) {
        return !part.empty() && part.size() <= 20 && part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (second == std::string_view::npos || !is_number(text.substr(0, colon)) ||
        !is_number(text.substr(colon + 1, second - colon - 1))) {
        return false;
    }
    for (std::string_view rest = text.substr(second + 1); !rest.empty();) {
        const auto comma = rest.find(',');
        if (!is_number(rest.substr(0, comma)) || comma == rest.size() - 1) {
            return false;
        }
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    return true;
}

void LiveFeed::add(LiveBatch batch, std::int64_t now) {
    std::string before = std::move(position_);
    position_ = batch.id;
    if (batch.counts.empty()) {
        return;
    }
    std::size_t bytes = sizeof(Kept) + batch.id.size();
    for (const LiveEvent& event : batch.events) {
        bytes += sizeof event + event.json.size();
    }
    kept_.push_back({std::move(batch), std::move(before), now, bytes});
    bytes_ += bytes;
    while (!kept_.empty() && (kept_.front().at < now - kKeep || bytes_ > kBytes)) {
        bytes_ -= kept_.front().bytes;
        kept_.pop_front();
    }
}

void LiveFeed::forget() {
    position_.clear();
    kept_.clear();
    bytes_ = 0;
}

std::optional<std::vector<const LiveBatch*>> LiveFeed::since(std::string_view id) const {
    std::vector<const LiveBatch*> batches;
    if (id == position_) {
        return batches;
    }
    for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
        if (kept->batch.id == id) {
            std::reverse(batches.begin(), batches.end());
            return batches;
        }
        batches.push_back(&kept->batch);
        if (kept->before == id) {
            std::reverse(batches.begin(), batches.end());
            return batches;
        }
    }
    return std::nullopt;
}

}  // namespace analytics::http
