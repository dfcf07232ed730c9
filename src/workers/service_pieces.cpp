// Answers that come in pieces, since they are too long to be held: the first begins a stream, the last ends it.
//
// A client that is slower than its executor is waited for: while it has enough to take, no more is received, the
// channel fills and the executor waits. Who is too slow for any answer (net::Patience) is cut off, and the query
// cancelled. Until then it holds an executor, so that at most half of them stream at the same time.

#include "workers/service.hpp"

#include <algorithm>

#include "core/http/errors.hpp"

namespace analytics::workers {
namespace {

constexpr std::size_t kMostUnsent = 512 * 1024;

}  // namespace

bool Service::has_room(std::size_t executor) const {
    const auto found = work_.find(executor);
    if (found == work_.end() || found->second.requests.empty()) {
        return true;
    }
    const Pending& pending = *found->second.requests.front();
    return !pending.begun || pending.gone || server_.unsent(pending.connection) < kMostUnsent;
}

// A slow client does not hold an executor that is to end.
void Service::give_up(std::size_t executor) {
    const auto found = work_.find(executor);
    if (found == work_.end() || found->second.requests.empty() || !found->second.requests.front()->begun) {
        return;
    }
    Pending& pending = *found->second.requests.front();
    pending.gone = true;
    server_.cut_stream(pending.connection);
}

std::size_t Service::streams() const {
    return static_cast<std::size_t>(std::count_if(work_.begin(), work_.end(), [](const auto& entry) {
        return !entry.second.requests.empty() && entry.second.requests.front()->begun;
    }));
}

http::Response Service::too_many_streams() const {
    auto response =
        http::error_response(503, "too_many_exports", "as many long results are under way as may be", {},
                             "Try again when one has ended, ask for less, or raise analytics.http_executors.");
    response.fields.add("Retry-After", "5");
    return response;
}

void Service::answer_piece(std::size_t executor, http::Answer&& piece) {
    const auto found = work_.find(executor);
    if (found == work_.end() || found->second.requests.empty()) {
        return;
    }
    Pending& pending = *found->second.requests.front();
    http::Response& response = piece.response;
    if (!pending.begun && !pending.refused &&
        streams() >= std::max<std::size_t>(1, static_cast<std::size_t>(settings_.executors) / 2)) {
        pending.refused = true;
        pool_.cancel(executor);
    }
    if (pending.refused) {  // said when the executor has heard of it: what it still sends is of no other request
        if (piece.piece == http::Piece::last) {
            answer(pending, too_many_streams());
            work_.erase(found);
        }
        return;
    }
    if (!pending.begun) {
        pending.begun = true;
        pending.status = response.status;
        for (const auto& [name, value] : pending.cors.all()) {
            response.fields.add(name, value);
        }
        server_.start_stream(pending.connection, response, net::Server::Stream::result);
    }
    const bool broken = !pending.gone && !server_.write_stream(pending.connection, response.body);
    if (piece.piece == http::Piece::last) {
        count(pending, pending.status);
        // who left was told nothing more since, and may still read
        pending.gone ? server_.cut_stream(pending.connection) : server_.end_stream(pending.connection);
        work_.erase(found);
    } else if (broken) {
        on_gone(pending.connection);
    }
}

}  // namespace analytics::workers
