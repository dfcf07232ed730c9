// Words: each distinct text once, told apart by a number from then on.
#pragma once

#include "core/cells/hash.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace analytics::cells {

using Word = std::uint32_t;

class Words {
public:
    Words() : places_(kFirstSize, kNone) {}

    Word of(std::string_view text) {
        const std::uint64_t hash = murmur3(text).low;
        std::size_t place = hash & (places_.size() - 1);
        for (; places_[place] != kNone; place = (place + 1) & (places_.size() - 1)) {
            if (hashes_[places_[place]] == hash && texts_[places_[place]] == text) {
                return places_[place];
            }
        }
        const auto word = static_cast<Word>(texts_.size());
        texts_.push_back(keep(text));
        hashes_.push_back(hash);
        places_[place] = word;
        if (texts_.size() * 2 > places_.size()) {
            grow();
        }
        return word;
    }

    std::string_view text(Word word) const { return texts_[word]; }
    // What hll_hash_text() gives for it.
    std::int64_t hash(Word word) const { return static_cast<std::int64_t>(hashes_[word]); }
    std::size_t bytes() const {
        return kept_ + texts_.capacity() * sizeof(std::string_view) + hashes_.capacity() * 8 + places_.size() * 4;
    }

private:
    static constexpr Word kNone = static_cast<Word>(-1);
    static constexpr std::size_t kFirstSize = 1024;
    static constexpr std::size_t kChunk = 64 << 10;

    std::string_view keep(std::string_view text) {
        if (text.size() > left_) {
            left_ = text.size() > kChunk ? text.size() : kChunk;
            chunks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
            next_ = chunks_.back().get();
            kept_ += left_;
        }
        char* const copy = next_;
        std::memcpy(copy, text.data(), text.size());
        next_ += text.size();
        left_ -= text.size();
        return {copy, text.size()};
    }

    void grow() {
        places_.assign(places_.size() * 2, kNone);
        for (Word word = 0; word < texts_.size(); ++word) {
            std::size_t place = hashes_[word] & (places_.size() - 1);
            while (places_[place] != kNone) {
                place = (place + 1) & (places_.size() - 1);
            }
            places_[place] = word;
        }
    }

    std::vector<std::string_view> texts_;
    std::vector<std::uint64_t> hashes_;
    std::vector<Word> places_;
    std::vector<std::unique_ptr<char[]>> chunks_;
    char* next_ = nullptr;
    std::size_t left_ = 0;
    std::size_t kept_ = 0;
};

}  // namespace analytics::cells
