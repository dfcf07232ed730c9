// A validating JSON reader that keeps everything as it was sent.
//
// Why not a general parser: a number has to stay the digits that were sent (any length), unknown parts are copied byte
// for byte, a flaw inside one event must not spoil its neighbours, and what passes must be fit for PostgreSQL's jsonb
// (no \u0000, no lone surrogate, no number beyond numeric). Nothing is recursive: depth costs no stack.
//
// Lifetime: nodes and views point into the text that was read and into the Document; the next read() ends both.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::json {

constexpr int kMaxDepth = 32;  // containers inside one another, the outermost counted

enum class Type : std::uint8_t { null, boolean, number, string, object, array };

std::string_view to_string(Type type);  // with its article: "an object"

// One value. Nodes lie in document order: a container is followed by its descendants, `span` counts the node and them.
struct Node {
    std::string_view key;  // member name between its quotes, escapes as sent; empty in arrays
    std::string_view raw;  // the value as sent, a string with its quotes
    std::uint32_t span = 1;
    Type type = Type::null;
    bool key_escaped = false;  // key holds backslashes
    bool escaped = false;      // a string that holds backslashes

    std::string_view content() const { return raw.substr(1, raw.size() - 2); }  // of a string, escapes as sent
    // The member as sent, from its name's quote to the end of its value.
    std::string_view member() const {
        return {key.data() - 1, static_cast<std::size_t>(raw.data() + raw.size() - key.data() + 1)};
    }
};

// The members or elements of a container, in order.
class Children {
public:
    class Iterator {
    public:
        explicit Iterator(const Node* node) : node_(node) {}
        const Node& operator*() const { return *node_; }
        Iterator& operator++() {
            node_ += node_->span;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return node_ != other.node_; }

    private:
        const Node* node_;
    };

    explicit Children(const Node& container) : container_(container) {}
    Iterator begin() const { return Iterator(&container_ + 1); }
    Iterator end() const { return Iterator(&container_ + container_.span); }

private:
    const Node& container_;
};

// Something in a value that keeps it from being taken, although its end could be found.
struct Flaw {
    enum class Kind : std::uint8_t {
        malformed,     // a bad escape, a control character in a string, a bare word
        not_a_number,  // NaN or Infinity
        bad_utf8,      // bytes that are no UTF-8, or half a surrogate pair
        nul,           // U+0000
        too_deep,
        too_large,  // a number or a value beyond what jsonb holds
    };
    Kind kind;
    std::string pointer;  // RFC 6901, from the value that was read
    std::string message;
};

class Document {
public:
    // Reads the value that begins at `begin`, after blanks. The byte at `end` must be readable and no part of JSON
    // (NUL or a line feed). False when the text is no JSON: where() and expected() say more.
    bool read(const char* begin, const char* end);

    const Node& root() const { return nodes_.front(); }
    const char* stop() const { return stop_; }                 // one past the value
    const std::optional<Flaw>& flaw() const { return flaw_; }  // the first one
    bool fits_jsonb() const { return fits_jsonb_; }

    const char* where() const { return stop_; }
    const char* expected() const { return expected_; }

private:
    static constexpr std::size_t kNoNode = static_cast<std::size_t>(-1);

    // An open container.
    struct Frame {
        std::size_t node;  // its place in nodes_
        bool is_object;
        std::size_t element = 0;  // place of the element being read
    };

    bool inside_object() const { return is_deep_ ? deep_.back() : frames_.back().is_object; }
    void open(const char* p);
    void close(const char* p);
    const char* read_name(const char* p, const char* end);
    const char* read_scalar(const char* p, const char* end);
    const char* read_string(const char* p, const char* end, bool& escaped, bool is_key);
    const char* read_escape(const char* p, const char* end, bool is_key);
    const char* read_word(const char* p, const char* end, Type& type);
    bool add_node(Type type, std::string_view raw, bool escaped);
    void note(Flaw::Kind kind, bool at_key, std::string message);
    std::string pointer(bool at_key) const;
    std::nullptr_t fail(const char* where, const char* expected);

    std::vector<Node> nodes_;
    std::vector<Frame> frames_;  // the outermost kMaxDepth containers that are open
    std::vector<bool> deep_;     // those inside them: whether it is an object
    bool is_deep_ = false;       // whether there are any
    std::string_view key_;       // name of the member being read; empty in arrays
    bool key_escaped_ = false;
    std::optional<Flaw> flaw_;
    const char* stop_ = nullptr;
    const char* expected_ = "";
    bool fits_jsonb_ = true;
};

const char* skip_blanks(const char* p, const char* end);

// Appends the characters that a string's content stands for. The content must have been read without a flaw.
void unescape(std::string_view content, std::string& out);

// Appends "/token" with ~ and / escaped as RFC 6901 has it.
void append_pointer_token(std::string& pointer, std::string_view token);

}  // namespace analytics::json
