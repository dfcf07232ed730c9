#include "core/auth/role_path.hpp"

#include <utility>

#include "core/auth/json_object.hpp"
#include "core/error.hpp"

namespace analytics::auth {
namespace {

constexpr std::size_t kMaxIndexDigits = 6;

bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           c == '@' || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

class RolePathReader {
public:
    explicit RolePathReader(std::string_view text) : rest_(text), size_(text.size()) {}

    RolePath read() {
        take("$");
        do {
            read_step();
        } while (!rest_.empty());
        return std::move(path_);
    }

private:
    using Kind = RolePath::Kind;

    void read_step() {
        if (take(".")) {
            add(Kind::member, is_quote() ? quoted_text() : word(is_name));
        } else if (take("[?")) {
            read_filter();
            if (!rest_.empty()) {
                fail("a filter ends the path");
            }
        } else if (take("[")) {
            if (is_quote()) {
                add(Kind::member, quoted_text());
            } else {
                const std::string digits = word([](char c) { return c >= '0' && c <= '9'; });
                if (digits.size() > kMaxIndexDigits) {
                    fail("the index is too large");
                }
                add(Kind::element, {});
                path_.steps_.back().index = std::stoul(digits);
            }
            expect("]");
        } else {
            fail("a step begins with . or [");
        }
    }

    // [?(@ == "text")], the parentheses may be left out.
    void read_filter() {
        constexpr std::pair<std::string_view, Kind> operators[] = {{"==^", Kind::ends},
                                                                   {"==", Kind::equal},
                                                                   {"!=", Kind::unequal},
                                                                   {"^==", Kind::begins},
                                                                   {"*==", Kind::contains}};
        const bool parenthesis = take("(");
        expect("@");
        skip_blanks();
        for (const auto& [sign, kind] : operators) {
            if (take(sign)) {
                skip_blanks();
                if (!is_quote()) {
                    fail("a filter compares with a text in quotes");
                }
                add(kind, quoted_text());
                if (parenthesis) {
                    expect(")");
                }
                expect("]");
                return;
            }
        }
        fail("a filter compares by ==, !=, ^==, ==^ or *==");
    }

    void add(Kind kind, std::string text) { path_.steps_.push_back({kind, std::move(text), 0}); }

    bool take(std::string_view text) {
        const bool there = rest_.starts_with(text);
        rest_.remove_prefix(there ? text.size() : 0);
        return there;
    }
    void expect(std::string_view text) {
        if (!take(text)) {
            fail("there is no " + std::string(text));
        }
    }
    void skip_blanks() {
        while (take(" ")) {
        }
    }
    bool is_quote() const { return !rest_.empty() && (rest_.front() == '"' || rest_.front() == '\''); }

    // In double or single quotes, which it can't hold itself.
    std::string quoted_text() {
        const std::size_t end = rest_.find(rest_.front(), 1);
        if (end == std::string_view::npos) {
            fail("a quote is not closed");
        }
        std::string text(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        return text;
    }

    template <typename Test>
    std::string word(Test&& test) {
        std::size_t size = 0;
        while (size < rest_.size() && test(rest_[size])) {
            ++size;
        }
        if (size == 0) {
            fail("there is no name or index");
        }
        std::string text(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return text;
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(Code::invalid_parameter, "invalid path to the role of a token")
            .detail("At byte " + std::to_string(size_ - rest_.size() + 1) + ": " + what + ".")
            .hint(
                "Write a path such as .role, .app.roles[0], .\"https://shop.example/role\" or "
                ".roles[?(@ == \"web\")].");
    }

    std::string_view rest_;
    std::size_t size_;
    RolePath path_;
};

RolePath RolePath::parse(std::string_view text) { return RolePathReader(text).read(); }

bool RolePath::matches(const Step& filter, const json::Node& element) {
    if (element.type != json::Type::string) {
        return false;
    }
    const std::string text = text_of(element);
    switch (filter.kind) {
        case Kind::equal:
            return text == filter.text;
        case Kind::unequal:
            return text != filter.text;
        case Kind::begins:
            return text.starts_with(filter.text);
        case Kind::ends:
            return text.ends_with(filter.text);
        default:
            return text.find(filter.text) != std::string::npos;
    }
}

const json::Node* RolePath::step_into(const Step& step, const json::Node& node) {
    if (step.kind == Kind::member) {
        return node.type == json::Type::object ? find_member(node, step.text) : nullptr;
    }
    if (node.type != json::Type::array) {
        return nullptr;
    }
    std::size_t index = 0;
    for (const json::Node& element : json::Children(node)) {
        if (step.kind == Kind::element ? index++ == step.index : matches(step, element)) {
            return &element;
        }
    }
    return nullptr;
}

std::optional<std::string> RolePath::find(const json::Node& claims) const {
    const json::Node* node = &claims;
    for (const Step& step : steps_) {
        node = step_into(step, *node);
        if (node == nullptr) {
            return std::nullopt;
        }
    }
    return node->type == json::Type::string ? text_of(*node) : std::string(node->raw);
}

}  // namespace analytics::auth
