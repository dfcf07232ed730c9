// Sessions from lines of events: what session_changes_sql() (sql/functions/sessions.sql) does, for keys from which
// nothing was taken back; keys that lost something are named, for SQL to put together from the events.
//
// Lines may come in portions, each of which is written before the next one comes. A key that a portion can't settle is
// left to SQL as well, which then takes all its lines, those of earlier portions too, whatever was written of them:
//   where a line stands alone whose event's first line is still to come, nothing would be kept of it;
//   a session that is kept as it is, since its raw events are gone, must not be given a line twice; nor must one that
//   starts before the store's cut, and would be taken for such a one from then on.
//
// A session is what its parts are. Parts are merged sessions and new events; starts, ends and first attributes compare,
// counts add.
#pragma once

#include "core/cells/total.hpp"
#include "core/cells/words.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace analytics::cells {

// Words shifted by one, so that 0 is none.
using MaybeWord = Word;

// A line, as far as sessions are concerned.
struct SessionLine {
    Word store = 0;
    Word key = 0;  // 's' and the session's id, 'c' and the customer's, 'a' and the visitor's
    std::int64_t gap = 0;
    std::int64_t at = 0;
    std::int64_t day = 0;
    Word type = 0;
    MaybeWord channel = 0;
    MaybeWord country = 0;
    MaybeWord device = 0;
    Word currency = 0;
    std::int32_t sign = 1;
    bool first_line = false;
    bool priced = false;  // has an amount
    std::optional<Total>
        cart_value;  // of add_to_cart, and of remove_from_cart below 0: amount - discount, sign applied
};

struct Attribute {
    MaybeWord value = 0;
    std::int64_t at = 0;
};

struct Session {
    Word store = 0;
    Word key = 0;
    std::int64_t started_at = 0;
    std::int64_t ended_at = 0;
    std::int64_t day = 0;  // that it started on
    std::int64_t events = 0;
    std::int64_t orders = 0;
    std::int64_t views = 0;
    std::int64_t carts = 0;
    std::int64_t checkouts = 0;
    std::map<Word, Total> cart_values;  // by currency
    bool has_cart_values = false;
    Attribute channel;
    Attribute country;
    Attribute device;
    Attribute currency;
    bool kept = false;  // a merged one whose raw events are partly gone
};

struct Change {
    int sign = 1;        // -1: as merged, 1: as it is now
    bool stands = true;  // whether there is a session of this start from now on
    bool known = true;   // whether there was one before
    const Session* session = nullptr;
};

// What changes add to the days that sessions started on (session_days_sql()), by store, day and attributes.
struct DayKey {
    Word store = 0;
    std::int64_t day = 0;
    MaybeWord channel = 0;
    MaybeWord country = 0;
    MaybeWord device = 0;
    MaybeWord currency = 0;

    friend bool operator<(const DayKey& a, const DayKey& b) {
        const auto tied = [](const DayKey& key) {
            return std::tie(key.store, key.day, key.channel, key.country, key.device, key.currency);
        };
        return tied(a) < tied(b);
    }
};
struct DayTotals {
    std::int64_t sessions = 0;
    std::int64_t bounces = 0;
    std::int64_t events = 0;
    std::int64_t orders = 0;
    std::int64_t days = 0;  // of their duration, with
    std::int64_t micros = 0;
    std::int64_t view_item = 0;
    std::int64_t add_to_cart = 0;
    std::int64_t begin_checkout = 0;
    std::int64_t purchase = 0;
    Total value_lost;
};
std::map<DayKey, DayTotals> days_of(std::span<const Change> changes);

// Where merged sessions that a key's new events touch can lie.
struct Probe {
    Word store = 0;
    Word key = 0;
    std::int64_t from = 0;
    std::int64_t to = 0;
};

inline constexpr std::int64_t kBeginning = INT64_MIN;
inline constexpr std::int64_t kEnd = INT64_MAX;

class Sessions {
public:
    explicit Sessions(const Words& words) : words_(&words) {}

    void add(SessionLine line);

    // What merged sessions to look up, by key and day.
    std::vector<Probe> probes();
    void add_merged(Session session);

    // The sessions that change; valid until the next call.
    std::vector<Change> changes();
    // The same of a portion after which others come. cuts: by store, from when on raw events are there.
    std::vector<Change> changes_of_portion(const std::map<Word, std::int64_t>& cuts);
    // The keys that are left to SQL: store and key.
    const std::vector<std::pair<std::string, std::string>>& left() const { return left_; }

    bool empty() const { return lines_.empty(); }
    std::size_t bytes() const { return lines_.capacity() * sizeof(SessionLine); }
    // Forgets lines and sessions, but not the keys that are left to SQL.
    void clear();

private:
    // What is said alike of one moment, netted.
    struct Event {
        const SessionLine* line = nullptr;
        std::int64_t priced = 0;
        std::int64_t n = 0;
        std::optional<Total> cart_value;
        bool kept = false;

        bool counts() const;
    };

    std::vector<Change> find_changes(const std::map<Word, std::int64_t>* cuts);
    void sort();
    std::vector<Event> events_of(std::size_t from, std::size_t to) const;
    Session part_of(const Event& event) const;
    void join(std::vector<Session>& parts, bool one, std::int64_t gap);
    static std::uint64_t key_of(Word store, Word key) { return (std::uint64_t{store} << 32) | key; }
    // By what they say: words may be numbered anew.
    Hash128 hash_of(Word store, Word key) const {
        return {static_cast<std::uint64_t>(words_->hash(store)), static_cast<std::uint64_t>(words_->hash(key))};
    }

    std::vector<SessionLine> lines_;
    bool sorted_ = false;
    std::unordered_map<std::uint64_t, std::vector<Session>> merged_;
    std::vector<std::vector<Session>> held_;  // what changes() points to
    struct HashOfHash {
        std::size_t operator()(const Hash128& hash) const { return mix(hash.low, hash.high); }
    };
    std::unordered_set<Hash128, HashOfHash> is_left_;
    std::vector<std::pair<std::string, std::string>> left_;
    const Words* words_;
};

}  // namespace analytics::cells
