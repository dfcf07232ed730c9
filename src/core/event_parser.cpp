#include "core/event_parser.hpp"

#include "core/error.hpp"
#include "core/quote.hpp"
#include "core/utf8.hpp"

#include <algorithm>

namespace analytics {
namespace {

constexpr std::size_t kMaxValues = 1'000'000;  // of a payload: what is made of them must fit into memory

std::string_view code_of(json::Flaw::Kind kind) {
    switch (kind) {
        case json::Flaw::Kind::malformed:
            return reject::kInvalidJson;
        case json::Flaw::Kind::not_a_number:
            return reject::kInvalidNumber;
        case json::Flaw::Kind::bad_utf8:
            return reject::kInvalidUtf8;
        case json::Flaw::Kind::nul:
            return reject::kNulCharacter;
        case json::Flaw::Kind::too_deep:
            return reject::kTooDeep;
        case json::Flaw::Kind::too_large:
            return reject::kOutOfRange;
    }
    return reject::kInvalidJson;
}

// A key that a flawed event names, where it can be read all the same.
std::string_view readable_key(const json::Node& root, std::string_view name) {
    std::string_view found;
    if (root.type != json::Type::object) return found;
    for (const json::Node& node : json::Children(root)) {
        if (node.key != name) continue;
        const bool is_key = node.type == json::Type::number || (node.type == json::Type::string && !node.escaped);
        const std::string_view text = node.type == json::Type::number ? node.raw : is_key ? node.content() : "";
        const bool is_readable = is_valid_utf8(text) && text.find('\0') == std::string_view::npos;
        found = is_readable && text.size() <= kMaxKeyBytes ? text : "";
    }
    return found;
}

}  // namespace

void require_allowed(const ParseContext& context, std::string_view event_type) {
    const auto* const types = context.event_types;
    if (types == nullptr || std::find(types->begin(), types->end(), event_type) != types->end()) return;
    reject_event(reject::kEventNotAllowed, Where{"event"},
                 "event is " + quoted(event_type) + ", which this sender may not send");
}

std::string_view to_string(LineKind kind) {
    switch (kind) {
        case LineKind::gift_card:
            return "gift_card";
        case LineKind::fee:
            return "fee";
        case LineKind::product:
            break;
    }
    return "product";
}

BatchBuilder::BatchBuilder(const ParseContext& context, EventBatch& batch)
    : context_(context),
      batch_(batch),
      arena_(batch),
      stores_(context),
      native_(context, stores_, arena_),
      store_(arena_.keep(context.store)) {}

Event& BatchBuilder::begin(std::size_t index, std::string_view source) {
    if (index >= kMaxValues) {
        throw Error(Code::limit_exceeded, "payload holds more than 1,000,000 events").hint("Send it in several calls.");
    }
    Event& event = batch_.events.emplace_back();
    event.index = index;
    event.source = source;
    event.store_id = store_;
    return event;
}

void BatchBuilder::value(std::size_t index, const json::Document& document, std::string_view source) {
    Event& event = begin(index, source);
    try {
        take(document, event);
    } catch (EventError& error) {
        reject(event, std::move(error), document.fits_jsonb());
    } catch (const Error& error) {
        if (error.code() != Code::out_of_range) throw;
        // A sum or a product of numbers that were each in range.
        reject(event, EventError{reject::kOutOfRange, "", error.what()}, document.fits_jsonb());
    }
}

void BatchBuilder::take(const json::Document& document, Event& event) {
    if (const auto& flaw = document.flaw()) {
        event.event_id = readable_key(document.root(), "event_id");
        const std::string_view store = readable_key(document.root(), "store");
        if (!store.empty() && !context_.store_is_bound && context_.rules(store).is_allowed) event.store_id = store;
        throw EventError{code_of(flaw->kind), flaw->pointer, flaw->message};
    }
    if (document.root().type != json::Type::object) {
        reject_event(reject::kNotAnObject, Where{},
                     "found " + std::string(json::to_string(document.root().type)) + "; an event is an object");
    }
    native_.read(document.root(), event);
    require_allowed(context_, event.event_type);  // again, whatever format read it
}

void BatchBuilder::reject(Event& event, EventError&& error, bool is_json) {
    Rejection& rejection = batch_.rejections.emplace_back();
    rejection.index = event.index;
    if (!event.event_id.empty()) rejection.event_id = event.event_id;
    rejection.store_id = event.store_id;
    rejection.code = error.code;
    rejection.pointer = std::move(error.pointer);
    rejection.message = std::move(error.message);
    rejection.source = event.source;
    rejection.is_json = is_json;
    batch_.events.pop_back();
}

void BatchBuilder::broken_line(std::size_t index, std::string_view source, std::string message) {
    Event& event = begin(index, source);
    const bool is_text = is_valid_utf8(source);
    reject(event, EventError{is_text ? reject::kInvalidJson : reject::kInvalidUtf8, "", std::move(message)}, false);
}

void BatchBuilder::restart() {
    batch_.events.clear();
    batch_.rejections.clear();
}

Format parse_format(std::string_view name) {
    if (name == "auto") return Format::automatic;
    if (name == "native") return Format::native;
    throw Error(Code::invalid_parameter, "unknown format " + quoted(name)).hint("Formats are auto and native.");
}

EventBatch parse_events(std::string_view payload, [[maybe_unused]] Format format, const ParseContext& context) {
    EventBatch batch;
    const std::string_view text = batch.keep(std::string(payload));
    batch.events.reserve(std::min<std::size_t>(payload.size() / 256 + 1, 16'384));  // spares most of the moving
    BatchBuilder builder(context, batch);
    read_payload(text, builder);
    return batch;
}

}  // namespace analytics
