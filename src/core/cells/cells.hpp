// Cells of a rollup from lines of events: what the engine's SQL (sql/functions/rollup_sql.sql) aggregates with GROUP
// BY, in one pass over the lines for any number of rollups, by hashing.
//
// The rules are those of cells_sql() there, and words are used as there: a cell is one row of a rollup; sums add what
// each line adds; distinct counts hold the hashes of keys; first and last moments are those of events that stand.
//
// `lost` marks cells in which a key, or a moment, was taken back more often than it came: only then can it have been
// among what was merged before, and be gone. (A key that came as often as it was taken back is where it was before: if
// it was merged, some merged line still has it.)
#pragma once

#include "core/cells/line.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::cells {

struct Sum {
    int column = 0;
    bool is_amount = false;
    bool first_in_cell = false;  // of the lines of one version of an event in one cell only one counts
    bool converted = false;      // an amount, at the line's rate
};

enum class Extreme : std::uint8_t { first_seen_at, last_seen_at, first_order, last_order_at };

// How lines become cells.
struct Shape {
    int condition = -1;  // column: whether a line takes part; -1: all do
    Grain bucket = Grain::day;
    std::vector<int> keys{};  // text columns after the store
    std::vector<Sum> sums{};
    std::vector<int> counts{};  // text columns whose distinct values are counted
    std::vector<Extreme> extremes{};
};

// A moment with what is wanted of it.
struct Moment {
    std::int64_t at = 0;
    std::optional<Word> channel;
    std::optional<Word> country;
};

struct Cell {
    std::int64_t bucket = 0;
    std::int64_t day = INT64_MAX;  // the least of its lines', as is what follows
    std::int64_t week = INT64_MAX;
    std::int64_t month = INT64_MAX;
    std::int64_t lines = 0;
    bool lost = false;
};

class Table {
public:
    // words: of the lines that come.
    Table(Shape shape, const Words& words);

    void add(Line& line);

    // Takes the cells of a finer rollup of the same keys, sums and counts; bucket is week or month.
    void add_cells_of(Table& finer);

    // Puts cells in the order of store, bucket, keys; their counts and moments are valid from then on.
    void finish();

    // ---- after finish() ----
    std::size_t size() const { return cells_.size(); }
    const Cell& cell(std::size_t place) const { return cells_[order_[place]]; }
    Word store(std::size_t place) const { return keys_[order_[place] * key_width_]; }
    Word key(std::size_t place, std::size_t key) const { return keys_[order_[place] * key_width_ + 1 + key]; }
    std::int64_t number(std::size_t place, std::size_t sum) const {
        return numbers_[order_[place] * number_width_ + places_[sum]];
    }
    const Total& total(std::size_t place, std::size_t sum) const {
        return totals_[order_[place] * total_width_ + places_[sum]];
    }
    // The hashes of the keys counted, ascending, each once.
    std::vector<std::int64_t> count(std::size_t place, std::size_t count) const;
    std::optional<Moment> extreme(std::size_t place, std::size_t extreme) const;

    const Shape& shape() const { return shape_; }
    // What clear() gives back.
    std::size_t bytes() const;

    // Forgets the cells, but not which events were met in them: what follows adds to cells that somebody took.
    void clear();

private:
    using Place = std::uint32_t;

    struct Counted {
        Place cell;
        std::int32_t sign;
        std::int64_t hash;
    };
    struct Seen {  // an event's first line, for first and last moments
        Place cell;
        std::int32_t sign;
        std::int64_t at;
        Word type;
        Word channel;  // 0: none, else the word + 1
        Word country;
    };
    Place place_of(std::int64_t bucket, std::span<const Word> keys);
    bool is_first(Line& line, Place cell);
    void add_moment(Place cell, const Seen& seen, bool is_purchase);
    void settle_counts();
    void settle_moments();
    void grow();

    Shape shape_;
    std::size_t key_width_;            // words of a cell's key, the store first
    std::size_t number_width_;         // sums that are numbers
    std::size_t total_width_;          // sums that are amounts
    std::vector<std::size_t> places_;  // of each sum among its kind

    std::vector<Cell> cells_;
    std::vector<Word> keys_;
    std::vector<std::int64_t> numbers_;
    std::vector<Total> totals_;
    std::vector<Place> index_;
    std::vector<std::uint64_t> hashes_;
    std::vector<std::vector<Counted>> counted_;
    std::vector<std::vector<std::size_t>> count_starts_;
    std::vector<Seen> seen_;
    std::vector<std::optional<Moment>> extremes_;
    HashSet firsts_;  // events that were met in a cell, where only one of their lines may add
    std::vector<Place> order_;
    std::vector<Word> line_keys_;
    Word purchase_ = static_cast<Word>(-1);
    const Words* words_;
};

// A distinct count as the hll extension stores up to 1,024 hashes (its storage specification 1.0.0, explicit; registers
// of 5 bits, log2m 17): `hashes` ascending, each once, 1 to 1,024.
std::string explicit_hll(std::span<const std::int64_t> hashes);
inline constexpr std::size_t kExplicitLimit = 1024;

}  // namespace analytics::cells
