// The rules of the stores that a batch names: each is asked for once.
#pragma once

#include "core/currency.hpp"
#include "core/event.hpp"

#include <map>
#include <string>
#include <string_view>

namespace analytics {

struct StoreEntry {
    std::string_view id;  // lives as long as the batch
    const StoreRules* rules = nullptr;
    const Currency* currency = nullptr;
};

class StoreBook {
public:
    explicit StoreBook(const ParseContext& context) : context_(context) {}

    // `id` must live as long as the batch.
    const StoreEntry& find(std::string_view id);

private:
    const ParseContext& context_;
    std::map<std::string_view, StoreEntry> entries_;
    const StoreEntry* last_ = nullptr;  // a batch is mostly one store's
};

}  // namespace analytics
