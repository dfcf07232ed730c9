// What happened lately, kept so that each listener of GET /api/live gets its part of it.
//
// A batch is what one look at the database found between two snapshots. Its id is the later one: a listener that has
// seen it and comes back with this id goes on with the batch after. Batches of five minutes are kept, and no more than
// a number of bytes.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace analytics::http {

// What a listener wants, and may have.
struct LiveFilter {
    std::optional<std::vector<std::string>> allowed;  // stores; nothing: all
    std::optional<std::string> store;
    std::vector<std::string> types;  // none: all

    bool takes_store(std::string_view name) const;
    bool takes_type(std::string_view name) const;
    friend bool operator<(const LiveFilter& a, const LiveFilter& b) {
        return std::tie(a.allowed, a.store, a.types) < std::tie(b.allowed, b.store, b.types);
    }
};

struct LiveEvent {
    std::string store;
    std::string type;
    std::string json;
};

struct LiveBatch {
    std::string id;
    std::string as_of;              // RFC 3339
    std::vector<LiveEvent> events;  // oldest first; the newest of those that there were
    std::map<std::string, std::map<std::string, std::int64_t>> counts;  // by store and type, of all that there were
};

// A batch from its two JSON texts: an array of events, and {"store":{"type":count}}. Nothing: they are none.
std::optional<LiveBatch> read_batch(std::string id, std::string as_of, std::string_view events,
                                    std::string_view counts);

// The message for one listener: empty when nothing in the batch is for it.
std::string message_for(const LiveBatch& batch, const LiveFilter& filter);

inline constexpr std::string_view kLiveGreeting = "retry: 2000\n\n";
inline constexpr std::string_view kLivePing = ": ping\n\n";

// Tells a listener where it stands, without a message.
std::string position_message(std::string_view id);
// Events were lost: the page is to load its figures anew, and goes on from here.
std::string reset_message(std::string_view id);

// Whether it looks like a snapshot: xmin:xmax:xip,xip...
bool is_snapshot(std::string_view text);

class LiveFeed {
public:
    static constexpr std::int64_t kKeep = 300 * std::int64_t{1000000};  // microseconds
    static constexpr std::size_t kBytes = 16 * 1024 * 1024;

    const std::string& position() const { return position_; }  // empty: not known yet

    // The look found nothing, or nothing has been kept since: goes on from there.
    void move_to(std::string position) { position_ = std::move(position); }
    // Its id is the new position. An empty one is not kept.
    void add(LiveBatch batch, std::int64_t now);
    // Nobody listens: nothing is kept, and the position is not known any more.
    void forget();

    // The batches after the one of this id, which may be the position itself. Nothing: it is not known.
    std::optional<std::vector<const LiveBatch*>> since(std::string_view id) const;

private:
    struct Kept {
        LiveBatch batch;
        std::string before;  // the id it follows
        std::int64_t at;
        std::size_t bytes;
    };
    std::string position_;
    std::deque<Kept> kept_;
    std::size_t bytes_ = 0;
};

}  // namespace analytics::http
