// Reads a text by trial, and can say what would have been understood where it could not go on: 'unexpected "x"
// expecting "asc" or "desc"'. PostgREST's clients see such sentences, which its library Parsec words; which of the
// trials count in them follows from Parsec's rules, so these are its rules:
//
// A parser succeeds or fails, and has consumed something or not. What was expected is remembered until something is
// consumed, the furthest place alone. An alternative is tried only if the one before failed without consuming;
// attempt() makes a failure one that consumed nothing, but the place that it reached counts.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace analytics::rest {

// How deep parentheses may stand in each other: parsers call themselves.
constexpr int kMaxDepth = 64;

class Cursor {
public:
    // The text is valid UTF-8 and outlives the cursor.
    explicit Cursor(std::string_view text) : text_(text) {}

    std::size_t place() const { return at_; }
    std::string_view text() const { return text_; }
    std::string_view rest() const { return text_.substr(at_); }

    // --- Parsers: true if they succeed
    // --------------------------------------------------------------------------------

    // One character that pleases; it is appended to `out`, if any. `expected` is what a failure names, as it stands.
    template <typename Pleases>
    bool one(Pleases&& pleases, std::string* out = nullptr, std::string_view expected = {}) {
        const auto [code_point, size] = peek();
        if (size == 0 || !pleases(code_point)) {
            note(at_, size == 0 ? kEnd : code_point, {expected, false});
            return false;
        }
        take(size, out);
        return true;
    }

    bool character(char c, std::string* out = nullptr);

    // The literal, which outlives the cursor. One that begins but does not end has consumed.
    bool literal(std::string_view literal);

    // Nothing is left.
    bool end();

    // Blanks, any number.
    bool blanks();

    // Steps over what the caller found in rest().
    void skip(std::size_t bytes) { take(bytes, nullptr); }

    // --- Parsers made of parsers
    // --------------------------------------------------------------------------------------

    template <typename... Parsers>
    bool first_of(Parsers&&... parsers) {
        const std::size_t start = at_;
        bool found = false;
        bool stopped = false;
        ((stopped = stopped || (found = parsers()) || at_ != start), ...);
        return found;
    }

    template <typename Parser>
    bool attempt(Parser&& parser) {
        const std::size_t start = at_;
        Trouble before = trouble_;
        if (parser()) {
            return true;
        }
        if (at_ != start) {
            merge(std::move(before));
            at_ = start;
        }
        return false;
    }

    // Whether it is there or not; fails only if it consumes and fails.
    template <typename Parser>
    bool maybe(Parser&& parser) {
        const std::size_t start = at_;
        return parser() || at_ == start;
    }

    template <typename Parser>
    bool many(Parser&& parser) {
        for (;;) {
            const std::size_t start = at_;
            if (!parser()) {
                return at_ == start;
            }
            trouble_.clear();
        }
    }

    template <typename Parser>
    bool many_of_one(Parser&& parser) {
        return parser() && many(parser);
    }

    template <typename Parser, typename Separator>
    bool separated(Parser&& parser, Separator&& separator) {
        return parser() && many([&] { return separator() && parser(); });
    }

    // With blanks on both sides.
    template <typename Parser>
    bool spaced(Parser&& parser) {
        return blanks() && parser() && blanks();
    }

    bool spaced_character(char c) {
        return spaced([&] { return character(c); });
    }

    // Looks at what comes and stays.
    template <typename Parser>
    bool ahead(Parser&& parser) {
        const std::size_t start = at_;
        Trouble before = trouble_;
        if (!parser()) {
            return false;
        }
        at_ = start;
        trouble_ = std::move(before);
        return true;
    }

    template <typename Pleases>
    bool not_followed_by(Pleases&& pleases, std::string_view expected = {}) {
        const auto [code_point, size] = peek();
        if (size == 0 || !pleases(code_point)) {
            note(at_, size == 0 ? kEnd : code_point, {expected, false});
            return true;
        }
        note_unexpected(at_ + size, code_point);
        return false;
    }

    // A failure that consumed nothing expects `label`, whatever it was made of.
    template <typename Parser>
    bool labelled(std::string_view label, Parser&& parser) {
        const std::size_t start = at_;
        Trouble before = std::move(trouble_);
        trouble_.clear();
        const bool succeeded = parser();
        if (at_ == start) {
            if (trouble_.empty()) {
                trouble_.at = start;
            }
            if (!succeeded || !trouble_.empty()) {
                trouble_.expected.assign(1, {label, false});
            }
            merge(std::move(before));
        }
        return succeeded;
    }

    // Runs a parser one level deeper. At the end of the levels all fails, and details() says so.
    template <typename Parser>
    bool deeper(Parser&& parser) {
        if (depth_ == kMaxDepth) {
            too_deep_ = true;
            trouble_.clear();
            trouble_.at = at_;
            return false;
        }
        ++depth_;
        const bool succeeded = parser();
        --depth_;
        return succeeded;
    }

    // --- The failure
    // --------------------------------------------------------------------------------------------------

    // (line 1, column 7)
    std::string where() const;
    // unexpected "x" expecting ...
    std::string details() const;

private:
    static constexpr char32_t kEnd = 0xFFFFFFFF;

    struct Expectation {
        std::string_view text;
        bool is_literal = false;  // shown in quotes

        bool operator==(const Expectation&) const = default;
    };

    struct Trouble {
        std::size_t at = 0;
        std::optional<char32_t> found;     // instead of what was expected
        std::vector<char32_t> unexpected;  // what may not follow; said instead of `found`
        std::vector<Expectation> expected;

        bool empty() const { return !found && unexpected.empty() && expected.empty(); }
        void clear();
    };

    std::pair<char32_t, std::size_t> peek() const;
    void take(std::size_t size, std::string* out);
    void note(std::size_t at, char32_t found, Expectation expected);
    void note_unexpected(std::size_t at, char32_t unexpected);
    void merge(Trouble before);

    std::string_view text_;
    std::size_t at_ = 0;
    int depth_ = 0;
    bool too_deep_ = false;
    Trouble trouble_;
};

}  // namespace analytics::rest
