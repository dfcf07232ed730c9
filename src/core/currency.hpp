// ISO 4217: the currencies that an event may name, and how finely each is divided.
#pragma once

#include "core/no_postgres.hpp"

#include <string_view>

namespace analytics {

struct Currency {
    std::string_view code;  // upper case; lives as long as the program
    int minor_digits;       // decimals of the smallest unit: 2 for GBP, 0 for JPY, 3 for KWD
};

// The currency of a code in any case; null when there is none.
const Currency* find_currency(std::string_view code);

}  // namespace analytics
