// What the Prefer headers ask for.
//
// Source: https://docs.postgrest.org, version 16, preferences.
#pragma once

#include "core/http/message.hpp"
#include "core/rest/query.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace analytics::rest {

struct Preferences {
    enum class Resolution : std::uint8_t { merge_duplicates, ignore_duplicates };
    enum class Missing : std::uint8_t { defaults, nulls };
    enum class Return : std::uint8_t { representation, minimal, headers_only };
    enum class Count : std::uint8_t { exact, planned, estimated };
    enum class Transaction : std::uint8_t { commit, rollback };
    enum class Handling : std::uint8_t { strict, lenient };

    std::optional<Resolution> resolution;
    std::optional<Missing> missing;
    std::optional<Return> return_;
    std::optional<Count> count;
    std::optional<Transaction> transaction;
    std::optional<Handling> handling;
    std::optional<std::string> timezone;
    std::optional<std::int64_t> max_affected;
    std::vector<std::string> unknown;  // as sent

    bool is_strict() const { return handling == Handling::strict; }
};

// Of a preference sent twice the first counts. `may_choose_end`: whether tx= counts (it is known all the same).
Preferences read_preferences(const http::Fields& fields, bool may_choose_end);

// The answer, if handling=strict meets a preference that is not known.
std::optional<Failure> unknown_preferences(const Preferences& preferences);

// The value of Preference-Applied; empty: none is sent. Who asks takes out before what the request has no use for:
// return, missing and resolution where nothing is written.
std::string preferences_applied(const Preferences& preferences);

}  // namespace analytics::rest
