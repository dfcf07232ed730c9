#include "core/rest/preferences.hpp"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace analytics::rest {
namespace {

using P = Preferences;

template <typename Value, std::size_t size>
using Words = std::array<std::pair<std::string_view, Value>, size>;

constexpr Words<P::Resolution, 2> kResolutions = {{{"resolution=merge-duplicates", P::Resolution::merge_duplicates},
                                                   {"resolution=ignore-duplicates", P::Resolution::ignore_duplicates}}};
constexpr Words<P::Missing, 2> kMissing = {
    {{"missing=default", P::Missing::defaults}, {"missing=null", P::Missing::nulls}}};
constexpr Words<P::Return, 3> kReturns = {{{"return=representation", P::Return::representation},
                                           {"return=minimal", P::Return::minimal},
                                           {"return=headers-only", P::Return::headers_only}}};
constexpr Words<P::Count, 3> kCounts = {
    {{"count=exact", P::Count::exact}, {"count=planned", P::Count::planned}, {"count=estimated", P::Count::estimated}}};
constexpr Words<P::Transaction, 2> kTransactions = {
    {{"tx=commit", P::Transaction::commit}, {"tx=rollback", P::Transaction::rollback}}};
constexpr Words<P::Handling, 2> kHandlings = {
    {{"handling=strict", P::Handling::strict}, {"handling=lenient", P::Handling::lenient}}};
constexpr std::string_view kTimezone = "timezone=";
constexpr std::string_view kMaxAffected = "max-affected=";

// Whether it is one of the words.
template <typename Value, std::size_t size>
bool read(std::string_view text, const Words<Value, size>& words, std::optional<Value>& value) {
    for (const auto& [word, what] : words) {
        if (text == word) {
            value = value.value_or(what);
            return true;
        }
    }
    return false;
}

template <typename Value, std::size_t size>
void print(std::string& list, const Words<Value, size>& words, const std::optional<Value>& value) {
    for (const auto& [word, what] : words) {
        if (value == what) {
            list.append(list.empty() ? "" : ", ").append(word);
        }
    }
}

void read_one(std::string_view text, Preferences& preferences, std::optional<std::string>& max_affected) {
    if (read(text, kResolutions, preferences.resolution) || read(text, kMissing, preferences.missing) ||
        read(text, kReturns, preferences.return_) || read(text, kCounts, preferences.count) ||
        read(text, kTransactions, preferences.transaction) || read(text, kHandlings, preferences.handling)) {
        return;
    }
    if (text.starts_with(kTimezone)) {
        preferences.timezone = preferences.timezone.value_or(std::string(text.substr(kTimezone.size())));
    } else if (text.starts_with(kMaxAffected)) {
        max_affected = max_affected.value_or(std::string(text.substr(kMaxAffected.size())));
    } else {
        preferences.unknown.emplace_back(text);
    }
}

}  // namespace

Preferences read_preferences(const http::Fields& fields, bool may_choose_end) {
    Preferences preferences;
    std::optional<std::string> max_affected;
    for (const auto& [name, value] : fields.all()) {
        if (!http::equal_ignoring_case(name, "Prefer") || value.empty()) {
            continue;
        }
        for (std::string_view list = value;;) {
            const auto comma = list.find(',');
            read_one(http::trim(list.substr(0, comma)), preferences, max_affected);
            if (comma == std::string_view::npos) {
                break;
            }
            list.remove_prefix(comma + 1);
        }
    }
    if (!may_choose_end) {
        preferences.transaction.reset();
    }
    if (max_affected) {
        std::int64_t number = 0;
        const char* const end = max_affected->data() + max_affected->size();
        if (const auto [rest, error] = std::from_chars(max_affected->data(), end, number);
            error == std::errc() && rest == end) {
            preferences.max_affected = number;  // what is no number counts as not sent
        }
    }
    return preferences;
}

std::optional<Failure> unknown_preferences(const Preferences& preferences) {
    if (!preferences.is_strict() || preferences.unknown.empty()) {
        return std::nullopt;
    }
    std::string list;
    for (const std::string& each : preferences.unknown) {
        list.append(list.empty() ? "" : ", ").append(each);
    }
    return Failure{
        400, "PGRST122", "Invalid preferences given with handling=strict", "Invalid preferences: " + list, {}};
}

std::string preferences_applied(const Preferences& preferences) {
    std::string list;
    print(list, kResolutions, preferences.resolution);
    print(list, kMissing, preferences.missing);
    print(list, kReturns, preferences.return_);
    print(list, kCounts, preferences.count);
    print(list, kTransactions, preferences.transaction);
    print(list, kHandlings, preferences.handling);
    const auto add = [&](std::string_view name, std::string_view value) {
        list.append(list.empty() ? "" : ", ").append(name).append(value);
    };
    if (preferences.timezone) {
        add(kTimezone, *preferences.timezone);
    }
    if (preferences.max_affected && preferences.is_strict()) {  // it binds nobody otherwise
        add(kMaxAffected, std::to_string(*preferences.max_affected));
    }
    return list;
}

}  // namespace analytics::rest
