#include "core/store_book.hpp"

#include "core/error.hpp"
#include "core/quote.hpp"

namespace analytics {

const StoreEntry& StoreBook::find(std::string_view id) {
    if (last_ != nullptr && last_->id == id) return *last_;
    auto place = entries_.find(id);
    if (place == entries_.end()) {
        const StoreRules& rules = context_.rules(id);
        const Currency* const currency = find_currency(rules.currency);
        if (currency == nullptr) {
            throw Error(Code::invalid_parameter, "the currency of store " + quoted(id) + " is unknown")
                .detail("Got " + quoted(rules.currency) + ".")
                .hint("Set it to an ISO 4217 code with analytics.set_setting('currency', ...).");
        }
        place = entries_.emplace(id, StoreEntry{id, &rules, currency}).first;
    }
    last_ = &place->second;
    return *last_;
}

}  // namespace analytics
