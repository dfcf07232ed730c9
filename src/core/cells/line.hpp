// A line of the source, with the words of its texts looked up once.
#pragma once

#include "core/cells/calendar.hpp"
#include "core/cells/total.hpp"
#include "core/cells/words.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace analytics::cells {

// A value of a line's column: a number (also a day, a moment, a length of time, a truth), a text or an amount, by what
// the column is.
struct Value {
    bool null = true;
    std::int64_t number = 0;
    std::string_view text{};  // of a JSON document: how it is stored, which says nothing here
    Decimal amount{};
    bool wide = false;  // an amount of more than 36 digits: text has it
};

// The columns every source begins with.
enum Column : int {
    kSign,
    kLine,
    kStore,
    kEventId,
    kEventType,
    kOrderId,
    kRevision,
    kOccurredAt,
    kChannel,
    kCountry,
    kClock,
    kFirstDay,
    kWeekStart,
    kKeptWeek,
    kRate,      // null: none, and converted amounts are left out
    kFirstOwn,  // those that the targets ask for
};

class Line {
public:
    explicit Line(Words& words) : words_(&words) {}

    // Begins the next line; its values are set by the caller, who then calls settle().
    std::vector<Value>& begin() {
        for (Known& known : known_) known.is_current = false;
        event_.reset();
        return values_;
    }
    void settle() {
        const auto day = [this](int column) {
            const Value& value = (*this)[column];
            return value.null ? std::nullopt : std::optional(value.number);
        };
        const Value& week_start = (*this)[kWeekStart];
        buckets_ = buckets_of((*this)[kOccurredAt].number, (*this)[kClock].number, day(kFirstDay),
                              week_start.null ? std::string_view() : week_start.text, day(kKeptWeek));
    }
    void resize(std::size_t columns) {
        values_.resize(columns);
        known_.resize(columns);
    }
    // The words are numbered anew.
    void forget() { known_.assign(known_.size(), {}); }

    const Value& operator[](int column) const { return values_[static_cast<std::size_t>(column)]; }

    Word word(int column) {
        Known& known = known_[static_cast<std::size_t>(column)];
        if (!known.is_current) {
            const std::string_view text = (*this)[column].text;
            // most often what the line before said
            if (known.word == kNone || words_->text(known.word) != text) {
                known.word = words_->of(text);
            }
            known.is_current = true;
        }
        return known.word;
    }
    // Shifted by one; 0: null.
    Word maybe_word(int column) { return (*this)[column].null ? 0 : word(column) + 1; }

    // What tells apart the versions of events, and their retractions.
    Hash128 event() {
        if (!event_) {
            Hash128 event{static_cast<std::uint64_t>((*this)[kRevision].number),
                          static_cast<std::uint64_t>((*this)[kSign].number)};
            for (const int column : {kStore, kEventId, kEventType, kOrderId}) {
                const Hash128 part = (*this)[column].null ? Hash128{1, 1} : murmur3((*this)[column].text);
                event = {mix(event.low, part.low), mix(event.high, part.high)};
            }
            event_ = event;
        }
        return *event_;
    }

    const Buckets& buckets() const { return buckets_; }
    Words& words() { return *words_; }

private:
    static constexpr Word kNone = static_cast<Word>(-1);

    struct Known {
        Word word = kNone;  // of this line, or of the last one that was asked for it
        bool is_current = false;
    };

    Words* words_;
    std::vector<Value> values_;
    std::vector<Known> known_;
    std::optional<Hash128> event_;
    Buckets buckets_;
};

}  // namespace analytics::cells
