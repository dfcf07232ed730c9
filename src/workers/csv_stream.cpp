#include "workers/csv_stream.hpp"

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "pg/shaped_statement.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "executor/tuptable.h"
}

namespace analytics::workers {
namespace {

constexpr std::size_t kWhole = 256 * 1024;  // bytes of a body that is sent as it is
constexpr std::size_t kPiece = 64 * 1024;

// Thrown out of the statement: the answer is another one, and the rest of the rows is of no use.
struct Refusal : std::exception {
    rest::Finished finished;
};

// response.headers and response.status, as functions set them.
std::optional<std::string> setting(const char* name) {
    const char* const value = pg::protect([&] { return GetConfigOption(name, true, false); });
    return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

rest::Outcome outcome_of(std::uint64_t rows) {
    rest::Outcome outcome;
    outcome.rows = rows;
    outcome.headers = setting("response.headers");
    outcome.status = setting("response.status");
    return outcome;
}

class Body {
public:
    Body(const rest::Prepared& prepared, AnswerPieces& pieces) : prepared_(prepared), pieces_(pieces) {}

    void add(std::optional<std::string_view> header, std::optional<std::string_view> line) {
        if (header) {
            text_ += *header;
            text_ += '\n';
            has_header_ = true;
        }
        if (line) {
            text_ += rows_++ > 0 ? "\n" : "";
            text_ += *line;
        }
        if (unwanted_) {
            text_.clear();
        }
        if (text_.size() > kWhole || (pieces_.begun() && text_.size() > kPiece)) {
            pass_on();
        }
    }

    rest::Finished finish() {
        if (!has_header_) {
            text_ += '\n';
        }
        if (pieces_.begun()) {
            rest::Finished finished;
            finished.response.body = std::move(text_);
            return finished;
        }
        rest::Outcome outcome = outcome_of(rows_);
        outcome.body = std::move(text_);
        return rest::finish(prepared_, std::move(outcome));
    }

private:
    void pass_on() {
        if (!pieces_.begun() && !begin()) {
            return;
        }
        std::size_t sent = 0;
        for (; text_.size() - sent > kPiece; sent += kPiece) {
            http::Response piece;
            piece.body = text_.substr(sent, kPiece);
            pieces_.send(std::move(piece));
        }
        text_.erase(0, sent);
    }

    // The head, as it is known now. False: the answer has no body.
    bool begin() {
        rest::Outcome outcome = outcome_of(rows_);
        outcome.unfinished = true;
        rest::Finished finished = rest::finish(prepared_, std::move(outcome));
        if (finished.refused) {
            Refusal refusal;
            refusal.finished = std::move(finished);
            throw refusal;
        }
        if (finished.response.status == 204 || finished.response.status == 304) {
            unwanted_ = true;
            text_.clear();
            return false;
        }
        finished.response.fields.add("Vary", rest::kVary);
        pieces_.send(std::move(finished.response));
        return true;
    }

    const rest::Prepared& prepared_;
    AnswerPieces& pieces_;
    std::string text_;
    std::uint64_t rows_ = 0;
    bool has_header_ = false;
    bool unwanted_ = false;
};

// PostgreSQL's executor calls it for each row: exceptions wait in `thrown` until they are past its frames.
struct Receiver : DestReceiver {
    Body* body;
    std::exception_ptr thrown;
};

std::optional<std::string_view> text_at(const TupleTableSlot* slot, int column) {
    if (slot->tts_isnull[column]) {
        return std::nullopt;
    }
    const Datum value = slot->tts_values[column];
    const auto* const pointer = DatumGetPointer(value);
    if (VARATT_IS_EXTERNAL(pointer) || VARATT_IS_COMPRESSED(pointer)) {
        return pg::protect([value] { return pg::text_view(value); });
    }
    return pg::text_view(value);  // in place: raises nothing
}

bool take_row(TupleTableSlot* slot, DestReceiver* self) {
    auto* const receiver = static_cast<Receiver*>(self);
    slot_getallattrs(slot);
    try {
        receiver->body->add(text_at(slot, 0), text_at(slot, 1));
    } catch (...) {
        receiver->thrown = std::current_exception();
    }
    if (receiver->thrown) {
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("an answer could not be sent")));
    }
    return true;
}

void begin_nothing(DestReceiver* /*self*/, int /*operation*/, TupleDesc /*columns*/) {}
void end_nothing(DestReceiver* /*self*/) {}

void run(const rest::Prepared& prepared, Body& body) {
    const pg::Connection connection;
    Receiver receiver{};
    receiver.receiveSlot = take_row;
    receiver.rStartup = begin_nothing;
    receiver.rShutdown = end_nothing;
    receiver.rDestroy = end_nothing;
    receiver.mydest = DestTuplestore;  // any that SPI does not read
    receiver.body = &body;
    try {
        pg::run_shaped(prepared.sql.text(), prepared.sql.values(), &receiver);
    } catch (const pg::Error&) {
        if (receiver.thrown) {
            std::rethrow_exception(receiver.thrown);
        }
        throw;
    }
}

}  // namespace

rest::Finished run_by_lines(const rest::Prepared& prepared, AnswerPieces& pieces) {
    Body body(prepared, pieces);
    try {
        run(prepared, body);
    } catch (const Refusal& refusal) {
        return refusal.finished;  // its caller rolls back
    }
    return body.finish();
}

}  // namespace analytics::workers
