// GET /api/live: listeners, and the looks at the database that they share.
//
// A listener that comes back with an id that is still kept is told what came since from memory. One with an older id
// has the next look reach back for it, in the snapshot of that look: its own part and the common one end at the same
// place, so that nothing is shown twice or left out.

#include <algorithm>

#include "core/http/errors.hpp"
#include "core/http/query_string.hpp"
#include "workers/service.hpp"

namespace analytics::workers {
namespace {

constexpr net::Time kWatchPause = net::kSecond;
constexpr net::Time kPingPause = 15 * net::kSecond;
constexpr std::size_t kPartsOfLook = 5;

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    while (!list.empty()) {
        const auto comma = list.find(',');
        if (comma != 0) {
            parts.emplace_back(list.substr(0, comma));
        }
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
    return parts;
}

}  // namespace

void Service::start_listener(Pending& pending, const http::Answer& result) {
    const auto parameters = http::parse_query(pending.query.request.query);
    if (!parameters) {
        answer(pending, http::error_response(400, "bad_query", "the query string is not well-formed"));
        return;
    }
    Listener listener;
    if (!result.parts.empty() && result.parts.front() == "some") {
        listener.filter.allowed.emplace(result.parts.begin() + 1, result.parts.end());
    }
    if (const auto store = http::find_parameter(*parameters, "store"); store && !store->empty()) {
        listener.filter.store = *store;
        if (listener.filter.allowed && !listener.filter.takes_store(*store)) {
            answer(pending, http::error_response(403, "42501", "permission denied for this store", *store,
                                                 "The claim \"stores\" of the token names the stores it may use."));
            return;
        }
    }
    listener.filter.types = split(http::find_parameter(*parameters, "types").value_or(""));
    listener.resume = pending.query.request.fields.find("Last-Event-ID").value_or("");

    http::Response head;
    head.fields.add("Content-Type", "text/event-stream; charset=utf-8");
    head.fields.add("Cache-Control", "no-store");
    head.fields.add("X-Accel-Buffering", "no");  // proxies are not to wait for more
    for (const auto& [name, value] : pending.cors.all()) {
        head.fields.add(name, value);
    }
    ++counters_.requests[{"live", 200}];
    server_.start_stream(pending.connection, head);
    if (!server_.write_stream(pending.connection, http::kLiveGreeting)) {
        return;
    }
    if (listeners_.empty()) {
        next_ping_ = now_ + kPingPause;
        next_watch_ = std::min(next_watch_, now_);
        if (now_ - last_watch_ > http::LiveFeed::kKeep) {
            feed_.forget();
        }
    }
    join(pending.connection, listeners_.emplace(pending.connection, std::move(listener)).first->second);
}

// Tells a listener what it missed, as far as that is known here.
void Service::join(net::ConnectionId connection, Listener& listener) {
    if (feed_.position().empty()) {
        next_watch_ = now_;  // its place is known with the first look
        return;
    }
    if (listener.resume.empty()) {
        listener.joined = server_.write_stream(connection, http::position_message(feed_.position()));
        return;
    }
    if (!http::is_snapshot(listener.resume)) {
        listener.joined = server_.write_stream(connection, http::reset_message(feed_.position()));
        return;
    }
    const auto batches = feed_.since(listener.resume);
    if (!batches) {
        next_watch_ = now_;  // which looks back for it
        return;
    }
    listener.joined = true;
    for (const http::LiveBatch* batch : *batches) {
        if (const std::string message = http::message_for(*batch, listener.filter); !message.empty()) {
            server_.write_stream(connection, message);
        }
    }
}

bool Service::dispatch_watch(std::size_t executor) {
    if (listeners_.empty() || watching_ || next_watch_ > now_) {
        return false;
    }
    http::Task task;
    auto& watch = task.watch.emplace();
    watch.id = ++last_id_;
    watch.since = feed_.position();
    resuming_.clear();
    for (const auto& [connection, listener] : listeners_) {
        if (!listener.joined && http::is_snapshot(listener.resume)) {
            resuming_.push_back(connection);
            watch.resumed.push_back(listener.resume);
        }
    }
    watching_ = true;
    last_watch_ = now_;
    next_watch_ = now_ + kWatchPause;
    Work work;
    work.watch = true;
    work_[executor] = std::move(work);
    pool_.give(executor, watch.id, http::write_task(task));
    return true;
}

void Service::answer_watch(const http::Answer& result) {
    watching_ = false;
    const auto& parts = result.parts;
    if (result.response.status != 200 || parts.size() != kPartsOfLook * (1 + resuming_.size())) {
        return;  // the next look is a second later
    }
    const auto batch_at = [&](std::size_t look, const std::string& id) {
        const std::size_t first = look * kPartsOfLook;
        return http::read_batch(id, parts[first + 1], parts[first + 2], parts[first + 3]);
    };
    const std::string& snapshot = parts[0];
    if (feed_.position().empty()) {
        feed_.move_to(snapshot);
    } else if (parts[kPartsOfLook - 1] == "reset") {
        feed_.forget();  // nobody looked for long: whoever listens has lost something
        feed_.move_to(snapshot);
        for (auto& [connection, listener] : listeners_) {
            if (listener.joined) {
                server_.write_stream(connection, http::reset_message(snapshot));
            }
        }
    } else if (auto batch = batch_at(0, snapshot); batch && !batch->counts.empty()) {
        // (where there was nothing, the old position says the same as the new one)
        std::map<http::LiveFilter, std::string> messages;  // most listeners want the same
        for (auto& [connection, listener] : listeners_) {
            if (!listener.joined) {
                continue;
            }
            const auto [message, is_new] = messages.try_emplace(listener.filter);
            if (is_new) {
                message->second = http::message_for(*batch, listener.filter);
            }
            if (!message->second.empty()) {
                server_.write_stream(connection, message->second);
            }
        }
        feed_.add(std::move(*batch), now_);
    }
    for (std::size_t i = 0; i < resuming_.size(); ++i) {
        const auto listener = listeners_.find(resuming_[i]);
        if (listener == listeners_.end()) {
            continue;
        }
        listener->second.joined = true;
        const auto batch = batch_at(i + 1, feed_.position());
        const bool too_old = parts[(i + 2) * kPartsOfLook - 1] == "reset" || !batch;
        const std::string message =
            too_old ? http::reset_message(feed_.position()) : http::message_for(*batch, listener->second.filter);
        server_.write_stream(resuming_[i], message.empty() ? http::position_message(feed_.position()) : message);
    }
    for (auto& [connection, listener] : listeners_) {
        if (!listener.joined && !http::is_snapshot(listener.resume)) {
            join(connection, listener);
        }
    }
}

void Service::ping_listeners() {
    if (listeners_.empty() || next_ping_ > now_) {
        return;
    }
    next_ping_ = now_ + kPingPause;
    std::vector<net::ConnectionId> gone;
    for (const auto& [connection, listener] : listeners_) {
        if (!server_.write_stream(connection, http::kLivePing)) {
            gone.push_back(connection);
        }
    }
    for (const net::ConnectionId connection : gone) {
        listeners_.erase(connection);
    }
}

net::Time Service::live_deadline() const {
    if (listeners_.empty()) {
        return net::kNever;
    }
    return std::min(next_ping_, watching_ || pool_.find_idle() == std::nullopt ? net::kNever : next_watch_);
}

}  // namespace analytics::workers
