#include "core/country.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace analytics {
namespace {

// ISO 3166-1 alpha-2, officially assigned codes.
constexpr std::string_view kCountries =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW "
    "BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI "
    "FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN "
    "IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME "
    "MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF "
    "PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE "
    "YT ZA ZM ZW";

constexpr std::size_t kLetters = 26;

// Place of a letter of either case in the alphabet; kLetters for anything else.
constexpr std::size_t letter(char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<std::size_t>(c - 'A');
    if (c >= 'a' && c <= 'z') return static_cast<std::size_t>(c - 'a');
    return kLetters;
}

// Place of a country's code in kCountries by its two letters; -1 where there is none.
constexpr auto kPlaces = [] {
    std::array<std::int16_t, kLetters * kLetters> places{};
    places.fill(-1);
    for (std::size_t i = 0; i < kCountries.size(); i += 3) {
        places[letter(kCountries[i]) * kLetters + letter(kCountries[i + 1])] = static_cast<std::int16_t>(i);
    }
    return places;
}();

}  // namespace

std::optional<std::string_view> find_country(std::string_view text) {
    if (text.size() != 2) return std::nullopt;
    const std::size_t first = letter(text[0]);
    const std::size_t second = letter(text[1]);
    if (first == kLetters || second == kLetters) return std::nullopt;
    const int place = kPlaces[first * kLetters + second];
    if (place < 0) return std::nullopt;
    return kCountries.substr(static_cast<std::size_t>(place), 2);
}

}  // namespace analytics
