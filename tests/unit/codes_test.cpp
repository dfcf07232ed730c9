// Currencies and countries.
#include "core/country.hpp"
#include "core/currency.hpp"

#include <gtest/gtest.h>

namespace analytics {
namespace {

TEST(Currency, knows_how_finely_each_is_divided) {
    // ISO 4217, column "Minor unit".
    EXPECT_EQ(find_currency("GBP")->minor_digits, 2);
    EXPECT_EQ(find_currency("EUR")->minor_digits, 2);
    EXPECT_EQ(find_currency("USD")->minor_digits, 2);
    EXPECT_EQ(find_currency("HUF")->minor_digits, 2);
    EXPECT_EQ(find_currency("MGA")->minor_digits, 2);
    EXPECT_EQ(find_currency("JPY")->minor_digits, 0);
    EXPECT_EQ(find_currency("KRW")->minor_digits, 0);
    EXPECT_EQ(find_currency("ISK")->minor_digits, 0);
    EXPECT_EQ(find_currency("XOF")->minor_digits, 0);
    EXPECT_EQ(find_currency("KWD")->minor_digits, 3);
    EXPECT_EQ(find_currency("TND")->minor_digits, 3);
    EXPECT_EQ(find_currency("CLF")->minor_digits, 4);
}

TEST(Currency, any_case_is_taken_and_upper_case_given) {
    EXPECT_EQ(find_currency("gbp")->code, "GBP");
    EXPECT_EQ(find_currency("AED")->code, "AED");
    EXPECT_EQ(find_currency("zwl")->code, "ZWL");
}

TEST(Currency, refuses_the_rest) {
    for (const char* code : {"", "GB", "GBPX", "XXX", "XAU", "XTS", "QQQ", "ZZZ", "AAA", "G\xC3\x9F", "EU ", "123"}) {
        EXPECT_EQ(find_currency(code), nullptr) << code;
    }
}

TEST(Country, any_case_is_taken_and_upper_case_given) {
    EXPECT_EQ(find_country("GB"), "GB");
    EXPECT_EQ(find_country("de"), "DE");
    EXPECT_EQ(find_country("aD"), "AD");
    EXPECT_EQ(find_country("ZW"), "ZW");
}

TEST(Country, refuses_the_rest) {
    for (const char* code : {"", "G", "GBR", "UK", "EU", "XX", "ZZ", "AA", "A1", "\xC3\x9F", "  "}) {
        EXPECT_EQ(find_country(code), std::nullopt) << code;
    }
}

TEST(Country, there_are_249) {
    int count = 0;
    for (char a = 'A'; a <= 'Z'; ++a) {
        for (char b = 'A'; b <= 'Z'; ++b) {
            const char code[] = {a, b, '\0'};
            if (const auto found = find_country(code)) {
                EXPECT_EQ(*found, code);
                ++count;
            }
        }
    }
    EXPECT_EQ(count, 249);
}

}  // namespace
}  // namespace analytics
