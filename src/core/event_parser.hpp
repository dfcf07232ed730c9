// Puts a batch together: every value of a payload becomes an event or a rejection.
#pragma once

#include "core/event.hpp"
#include "core/event_error.hpp"
#include "core/native_format.hpp"
#include "core/payload.hpp"
#include "core/store_book.hpp"
#include "core/text_arena.hpp"

#include <string>
#include <string_view>

namespace analytics {

class BatchBuilder final : public PayloadVisitor {
public:
    BatchBuilder(const ParseContext& context, EventBatch& batch);

    void value(std::size_t index, const json::Document& document, std::string_view source) override;
    void broken_line(std::size_t index, std::string_view source, std::string message) override;
    void restart() override;

private:
    // The event that is being made, the batch's last; a rejection takes its place.
    Event& begin(std::size_t index, std::string_view source);
    void take(const json::Document& document, Event& event);
    void reject(Event& event, EventError&& error, bool is_json);

    const ParseContext& context_;
    EventBatch& batch_;
    TextArena arena_;
    StoreBook stores_;
    NativeFormat native_;
    std::string_view store_;  // the context's, in the arena
};

}  // namespace analytics
