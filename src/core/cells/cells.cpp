#include "core/cells/cells.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace analytics::cells {
namespace {

constexpr std::size_t kFirstSize = 256;
constexpr std::uint32_t kFree = static_cast<std::uint32_t>(-1);

std::optional<Word> to_optional(Word shifted) { return shifted == 0 ? std::nullopt : std::optional<Word>(shifted - 1); }

// As PostgreSQL compares elements of arrays: null after any text.
int compare(const std::optional<Word>& a, const std::optional<Word>& b, const Words& words) {
    if (!a || !b) {
        return static_cast<int>(!a) - static_cast<int>(!b);
    }
    return *a == *b ? 0 : words.text(*a).compare(words.text(*b));
}

bool is_less(const Moment& a, const Moment& b, const Words& words) {
    if (a.at != b.at) {
        return a.at < b.at;
    }
    const int channels = compare(a.channel, b.channel, words);
    return channels != 0 ? channels < 0 : compare(a.country, b.country, words) < 0;
}

}  // namespace

Table::Table(Shape shape, const Words& words)
    : shape_(std::move(shape)), key_width_(shape_.keys.size() + 1), number_width_(0), total_width_(0), words_(&words) {
    for (const Sum& sum : shape_.sums) {
        places_.push_back(sum.is_amount ? total_width_++ : number_width_++);
        first_in_cell_ = first_in_cell_ || sum.first_in_cell;
    }
    counted_.resize(shape_.counts.size());
    index_.assign(kFirstSize, kFree);
}

Table::Place Table::place_of(std::int64_t bucket, std::span<const Word> keys) {
    std::uint64_t hash = mix(0, static_cast<std::uint64_t>(bucket));
    for (const Word word : keys) {
        hash =
            mix(hash, static_cast<std::uint64_t>(words_->hash(word)));  // of what it says: words may be numbered anew
    }
    std::size_t slot = hash & (index_.size() - 1);
    for (; index_[slot] != kFree; slot = (slot + 1) & (index_.size() - 1)) {
        const Place place = index_[slot];
        if (hashes_[place] == hash && cells_[place].bucket == bucket &&
            std::equal(keys.begin(), keys.end(), keys_.begin() + static_cast<std::ptrdiff_t>(place * key_width_))) {
            return place;
        }
    }
    const auto place = static_cast<Place>(cells_.size());
    index_[slot] = place;
    hashes_.push_back(hash);
    cells_.push_back({.bucket = bucket});
    keys_.insert(keys_.end(), keys.begin(), keys.end());
    numbers_.resize(numbers_.size() + number_width_);
    totals_.resize(totals_.size() + total_width_);
    if (cells_.size() * 2 > index_.size()) {
        grow();
    }
    return place;
}

void Table::grow() {
    index_.assign(index_.size() * 2, kFree);
    for (Place place = 0; place < cells_.size(); ++place) {
        std::size_t slot = hashes_[place] & (index_.size() - 1);
        while (index_[slot] != kFree) {
            slot = (slot + 1) & (index_.size() - 1);
        }
        index_[slot] = place;
    }
}

bool Table::is_first(Line& line, Place cell) {
    // by what the cell is, not by its place: that is another one after clear()
    const Hash128 event = line.event();
    return firsts_.insert({mix(event.low, hashes_[cell]), mix(event.high, hashes_[cell])});
}

void Table::add(Line& line) {
    if (shape_.condition >= 0 && (line[shape_.condition].null || line[shape_.condition].number == 0)) {
        return;
    }
    line_keys_.clear();
    line_keys_.push_back(line.word(kStore));
    for (const int key : shape_.keys) {
        line_keys_.push_back(line.word(key));
    }
    const Place place = place_of(line[shape_.bucket].number, line_keys_);
    Cell& cell = cells_[place];
    const auto sign = static_cast<std::int32_t>(line[kSign].number);
    cell.day = std::min(cell.day, line[kDay].number);
    cell.week = std::min(cell.week, line[kWeek].number);
    cell.month = std::min(cell.month, line[kMonth].number);
    cell.lines += sign;
    const bool first = first_in_cell_ && is_first(line, place);
    for (std::size_t i = 0; i < shape_.sums.size(); ++i) {
        const Sum& sum = shape_.sums[i];
        const Value& value = line[sum.column];
        if (value.null || (sum.first_in_cell && !first)) {
            continue;
        }
        if (sum.is_amount) {
            Total& total = totals_[place * total_width_ + places_[i]];
            value.wide ? total.add_digits(value.text) : total.add(value.amount);
        } else {
            numbers_[place * number_width_ + places_[i]] += value.number;
        }
    }
    for (std::size_t i = 0; i < shape_.counts.size(); ++i) {
        const int key = shape_.counts[i];
        if (!line[key].null) {
            counted_[i].push_back({place, sign, line.words().hash(line.word(key))});
        }
    }
    if (!shape_.extremes.empty() && line[kLine].number == 1) {
        if (purchase_ == static_cast<Word>(-1)) {
            purchase_ = line.words().of("purchase");
        }
        seen_.push_back({place, sign, line[kOccurredAt].number, line.word(kEventType), line.maybe_word(kChannel),
                         line.maybe_word(kCountry)});
    }
}

void Table::add_cells_of(Table& finer) {
    std::vector<Place> coarser(finer.cells_.size());
    for (Place from = 0; from < finer.cells_.size(); ++from) {
        const Cell& cell = finer.cells_[from];
        const std::span<const Word> keys(&finer.keys_[from * key_width_], key_width_);
        const Place to = place_of(shape_.bucket == kWeek ? cell.week : cell.month, keys);
        coarser[from] = to;
        Cell& sum = cells_[to];
        sum.lines += cell.lines;
        for (std::size_t i = 0; i < shape_.sums.size(); ++i) {
            // the finer rollup may have more sums than this one
            const auto other =
                std::find_if(finer.shape_.sums.begin(), finer.shape_.sums.end(), [&](const Sum& candidate) {
                    return candidate.column == shape_.sums[i].column &&
                           candidate.first_in_cell == shape_.sums[i].first_in_cell;
                });
            const std::size_t place = finer.places_[static_cast<std::size_t>(other - finer.shape_.sums.begin())];
            if (shape_.sums[i].is_amount) {
                totals_[to * total_width_ + places_[i]].add(finer.totals_[from * finer.total_width_ + place]);
            } else {
                numbers_[to * number_width_ + places_[i]] += finer.numbers_[from * finer.number_width_ + place];
            }
        }
    }
    for (std::size_t i = 0; i < shape_.counts.size(); ++i) {
        const auto other = std::find(finer.shape_.counts.begin(), finer.shape_.counts.end(), shape_.counts[i]);
        for (const Counted& counted : finer.counted_[static_cast<std::size_t>(other - finer.shape_.counts.begin())]) {
            counted_[i].push_back({coarser[counted.cell], counted.sign, counted.hash});
        }
    }
}

void Table::settle_counts() {
    count_starts_.resize(counted_.size());
    for (std::size_t i = 0; i < counted_.size(); ++i) {
        std::vector<Counted>& all = counted_[i];
        std::sort(all.begin(), all.end(), [](const Counted& a, const Counted& b) {
            return std::tie(a.cell, a.hash) < std::tie(b.cell, b.hash);
        });
        std::size_t kept = 0;
        for (std::size_t from = 0; from < all.size();) {
            std::int64_t net = 0;
            std::size_t next = from;
            for (; next < all.size() && all[next].cell == all[from].cell && all[next].hash == all[from].hash; ++next) {
                net += all[next].sign;
            }
            if (net > 0) {
                all[kept++] = all[from];
            } else if (net < 0) {
                cells_[all[from].cell].lost = true;
            }
            from = next;
        }
        all.resize(kept);
        std::vector<std::size_t>& starts = count_starts_[i];
        starts.assign(cells_.size() + 1, 0);
        for (const Counted& counted : all) {
            ++starts[counted.cell + 1];
        }
        std::partial_sum(starts.begin(), starts.end(), starts.begin());
    }
}

void Table::add_moment(Place cell, const Seen& seen, bool is_purchase) {
    const Moment moment{seen.at, to_optional(seen.channel), to_optional(seen.country)};
    for (std::size_t i = 0; i < shape_.extremes.size(); ++i) {
        std::optional<Moment>& held = extremes_[cell * shape_.extremes.size() + i];
        switch (shape_.extremes[i]) {
            case Extreme::first_seen_at:
                if (!held || moment.at < held->at) held = moment;
                break;
            case Extreme::last_seen_at:
                if (!held || moment.at > held->at) held = moment;
                break;
            case Extreme::first_order:
                if (is_purchase && (!held || is_less(moment, *held, *words_))) held = moment;
                break;
            case Extreme::last_order_at:
                if (is_purchase && (!held || moment.at > held->at)) held = moment;
                break;
        }
    }
}

void Table::settle_moments() {
    extremes_.assign(cells_.size() * shape_.extremes.size(), std::nullopt);
    const auto key = [](const Seen& seen) {
        return std::tie(seen.cell, seen.at, seen.type, seen.channel, seen.country);
    };
    std::sort(seen_.begin(), seen_.end(), [&](const Seen& a, const Seen& b) { return key(a) < key(b); });
    for (std::size_t from = 0; from < seen_.size();) {
        std::int64_t net = 0;
        std::size_t next = from;
        for (; next < seen_.size() && key(seen_[next]) == key(seen_[from]); ++next) {
            net += seen_[next].sign;
        }
        if (net > 0) {
            add_moment(seen_[from].cell, seen_[from], seen_[from].type == purchase_);
        } else if (net < 0) {
            cells_[seen_[from].cell].lost = true;
        }
        from = next;
    }
}

void Table::finish() {
    settle_counts();
    if (!shape_.extremes.empty()) {
        settle_moments();
    }
    order_.resize(cells_.size());
    std::iota(order_.begin(), order_.end(), Place{0});
    const Words& words = *words_;
    std::sort(order_.begin(), order_.end(), [&](Place a, Place b) {
        const Word* const left = &keys_[a * key_width_];
        const Word* const right = &keys_[b * key_width_];
        if (left[0] != right[0]) {
            return words.text(left[0]) < words.text(right[0]);
        }
        if (cells_[a].bucket != cells_[b].bucket) {
            return cells_[a].bucket < cells_[b].bucket;
        }
        for (std::size_t i = 1; i < key_width_; ++i) {
            if (left[i] != right[i]) {
                return words.text(left[i]) < words.text(right[i]);
            }
        }
        return false;
    });
}

std::vector<std::int64_t> Table::count(std::size_t place, std::size_t count) const {
    const Place cell = order_[place];
    const std::vector<std::size_t>& starts = count_starts_[count];
    std::vector<std::int64_t> hashes;
    hashes.reserve(starts[cell + 1] - starts[cell]);
    for (std::size_t i = starts[cell]; i < starts[cell + 1]; ++i) {
        hashes.push_back(counted_[count][i].hash);
    }
    return hashes;
}

std::optional<Moment> Table::extreme(std::size_t place, std::size_t extreme) const {
    return extremes_[order_[place] * shape_.extremes.size() + extreme];
}

std::size_t Table::bytes() const {
    std::size_t bytes = cells_.capacity() * sizeof(Cell) + keys_.capacity() * sizeof(Word) + numbers_.capacity() * 8 +
                        totals_.capacity() * sizeof(Total) + index_.size() * sizeof(Place) + hashes_.capacity() * 8 +
                        seen_.capacity() * sizeof(Seen) + firsts_.bytes();
    for (const auto& counted : counted_) {
        bytes += counted.capacity() * sizeof(Counted);
    }
    return bytes;
}

void Table::clear() {
    cells_.clear();
    keys_.clear();
    numbers_.clear();
    totals_.clear();
    hashes_.clear();
    index_.assign(kFirstSize, kFree);
    for (auto& counted : counted_) {
        counted.clear();
    }
    seen_.clear();
    order_.clear();
    purchase_ = static_cast<Word>(-1);  // of words that are gone
}

std::string explicit_hll(std::span<const std::int64_t> hashes) {
    constexpr char kVersionExplicit = 0x12;
    constexpr char kRegisters =
        static_cast<char>(0x91);        // width 5 - 1 in the upper three bits, log2m 17 in the lower five
    constexpr char kThresholds = 0x4b;  // sparse on, explicit up to 2^(11 - 1)
    std::string stored{kVersionExplicit, kRegisters, kThresholds};
    stored.reserve(stored.size() + hashes.size() * 8);
    for (const std::int64_t hash : hashes) {
        for (int shift = 56; shift >= 0; shift -= 8) {
            stored.push_back(static_cast<char>(static_cast<std::uint64_t>(hash) >> shift));
        }
    }
    return stored;
}

}  // namespace analytics::cells
