#include "core/http/wire.hpp"

#include <cstring>
#include <limits>
#include <type_traits>

namespace analytics::http {
namespace {

class Writer {
public:
    template <typename Number>
    void number(Number value) {
        static_assert(std::is_integral_v<Number>);
        out_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void text(std::string_view value) {
        number(static_cast<std::uint64_t>(value.size()));
        out_ += value;
    }
    template <typename Items, typename Each>
    void list(const Items& items, Each&& each) {
        number(static_cast<std::uint64_t>(items.size()));
        for (const auto& item : items) {
            each(item);
        }
    }
    std::string take() { return std::move(out_); }

private:
    std::string out_;
};

// After the first thing that does not fit nothing is read any more, and ok() is false.
class Reader {
public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    template <typename Number>
    void number(Number& value) {
        std::uint8_t bytes[sizeof value];
        if (!ok_ || rest_.size() < sizeof value) {
            ok_ = false;
            return;
        }
        std::memcpy(bytes, rest_.data(), sizeof value);
        if constexpr (std::is_same_v<Number, bool>) {
            ok_ = bytes[0] <= 1;
            value = bytes[0] == 1;
        } else {
            std::memcpy(&value, bytes, sizeof value);
        }
        rest_.remove_prefix(sizeof value);
    }
    void text(std::string& value) {
        std::uint64_t size = 0;
        number(size);
        if (!ok_ || size > rest_.size()) {
            ok_ = false;
            return;
        }
        value.assign(rest_.substr(0, size));
        rest_.remove_prefix(size);
    }
    template <typename Each>
    void list(Each&& each) {
        std::uint64_t size = 0;
        number(size);
        for (std::uint64_t i = 0; ok_ && i < size; ++i) {
            each();
        }
    }
    bool ok() const { return ok_; }
    bool at_end() const { return ok_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool ok_ = true;
};

void write_fields(Writer& out, const Fields& fields) {
    out.list(fields.all(), [&](const Fields::Field& field) {
        out.text(field.first);
        out.text(field.second);
    });
}

void read_fields(Reader& in, Fields& fields) {
    in.list([&] {
        std::string name;
        std::string value;
        in.text(name);
        in.text(value);
        fields.add(std::move(name), std::move(value));
    });
}

void write_query(Writer& out, const Query& query) {
    out.number(query.id);
    out.number(query.route);
    out.text(query.name);
    out.text(query.role);
    out.text(query.claims);
    out.text(query.request.method);
    out.text(query.request.path);
    out.text(query.request.query);
    write_fields(out, query.request.fields);
    out.text(query.request.body);
}

void read_query(Reader& in, Query& query) {
    in.number(query.id);
    in.number(query.route);
    in.text(query.name);
    in.text(query.role);
    in.text(query.claims);
    in.text(query.request.method);
    in.text(query.request.path);
    in.text(query.request.query);
    read_fields(in, query.request.fields);
    in.text(query.request.body);
}

void write_ingest(Writer& out, const Ingest& ingest) {
    out.number(ingest.id);
    out.number(ingest.open);
    out.text(ingest.key_hash);
    out.text(ingest.format);
    out.text(ingest.store);
    out.number(ingest.gzipped);
    out.text(ingest.shopify);
    out.text(ingest.woocommerce);
    out.text(ingest.body);
}

void read_ingest(Reader& in, Ingest& ingest) {
    in.number(ingest.id);
    in.number(ingest.open);
    in.text(ingest.key_hash);
    in.text(ingest.format);
    in.text(ingest.store);
    in.number(ingest.gzipped);
    in.text(ingest.shopify);
    in.text(ingest.woocommerce);
    in.text(ingest.body);
}

enum class Kind : std::uint8_t { query, ingests, watch };

}  // namespace

std::string write_task(const Task& task) {
    Writer out;
    if (task.query) {
        out.number(static_cast<std::uint8_t>(Kind::query));
        write_query(out, *task.query);
    } else if (task.watch) {
        out.number(static_cast<std::uint8_t>(Kind::watch));
        out.number(task.watch->id);
        out.text(task.watch->since);
        out.list(task.watch->resumed, [&](const std::string& snapshot) { out.text(snapshot); });
    } else {
        out.number(static_cast<std::uint8_t>(Kind::ingests));
        out.list(task.ingests, [&](const Ingest& ingest) { write_ingest(out, ingest); });
    }
    return out.take();
}

std::optional<Task> read_task(std::string_view bytes) {
    Reader in(bytes);
    Task task;
    std::uint8_t kind = std::numeric_limits<std::uint8_t>::max();
    in.number(kind);
    switch (static_cast<Kind>(kind)) {
        case Kind::query:
            read_query(in, task.query.emplace());
            break;
        case Kind::watch:
            task.watch.emplace();
            in.number(task.watch->id);
            in.text(task.watch->since);
            in.list([&] { in.text(task.watch->resumed.emplace_back()); });
            break;
        case Kind::ingests:
            in.list([&] { read_ingest(in, task.ingests.emplace_back()); });
            break;
        default:
            return std::nullopt;
    }
    if (!in.at_end() || (static_cast<Kind>(kind) == Kind::ingests && task.ingests.empty())) {
        return std::nullopt;
    }
    return task;
}

std::string write_answers(const std::vector<Answer>& answers) {
    Writer out;
    out.list(answers, [&](const Answer& answer) {
        out.number(answer.id);
        out.number(static_cast<std::uint8_t>(answer.piece));
        out.number(static_cast<std::int32_t>(answer.response.status));
        write_fields(out, answer.response.fields);
        out.text(answer.response.body);
        out.number(answer.again);
        out.number(answer.rate);
        out.number(answer.events);
        out.list(answer.parts, [&](const std::string& part) { out.text(part); });
    });
    return out.take();
}

std::optional<std::vector<Answer>> read_answers(std::string_view bytes) {
    Reader in(bytes);
    std::vector<Answer> answers;
    bool known = true;
    bool pieces = false;
    in.list([&] {
        Answer& answer = answers.emplace_back();
        std::uint8_t piece = 0;
        std::int32_t status = 0;
        in.number(answer.id);
        in.number(piece);
        known = known && piece <= static_cast<std::uint8_t>(Piece::last);
        answer.piece = static_cast<Piece>(piece);
        pieces = pieces || answer.piece != Piece::whole;
        in.number(status);
        answer.response.status = status;
        read_fields(in, answer.response.fields);
        in.text(answer.response.body);
        in.number(answer.again);
        in.number(answer.rate);
        in.number(answer.events);
        in.list([&] { in.text(answer.parts.emplace_back()); });
    });
    const bool well_formed = in.at_end() && known && (!pieces || answers.size() == 1);
    return well_formed ? std::optional(std::move(answers)) : std::nullopt;
}

}  // namespace analytics::http
