#include "core/timestamp.hpp"

#include <limits>

namespace analytics {
namespace {

// Reads a text from left to right; each function moves on only when it succeeds.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    bool done() const { return rest_.empty(); }

    std::optional<char> take_any_of(std::string_view choices) {
        if (rest_.empty() || choices.find(rest_.front()) == std::string_view::npos) return std::nullopt;
        const char taken = rest_.front();
        rest_.remove_prefix(1);
        return taken;
    }

    // Exactly `count` digits with a value within [low, high].
    std::optional<int> take_number(std::size_t count, int low, int high) {
        if (rest_.size() < count) return std::nullopt;
        int value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (!is_digit(rest_[i])) return std::nullopt;
            value = value * 10 + (rest_[i] - '0');
        }
        if (value < low || value > high) return std::nullopt;
        rest_.remove_prefix(count);
        return value;
    }

    // One digit or more after the point, as microseconds.
    std::optional<int> take_fraction() {
        std::size_t count = 0;
        int micros = 0;
        while (count < rest_.size() && is_digit(rest_[count])) {
            if (count < 6) micros = micros * 10 + (rest_[count] - '0');
            ++count;
        }
        if (count == 0) return std::nullopt;
        for (std::size_t i = count; i < 6; ++i) micros *= 10;
        rest_.remove_prefix(count);
        return micros;
    }

private:
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }

    std::string_view rest_;
};

int days_in_month(int year, int month) {
    if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Z, +hh, +hhmm or +hh:mm as seconds east of UTC.
std::optional<int> take_zone(Scanner& scanner) {
    const auto sign = scanner.take_any_of("Zz+-");
    if (!sign) return std::nullopt;
    if (*sign == 'Z' || *sign == 'z') return 0;
    const auto hours = scanner.take_number(2, 0, 23);
    if (!hours) return std::nullopt;
    int minutes = 0;
    if (!scanner.done()) {
        scanner.take_any_of(":");
        const auto sent = scanner.take_number(2, 0, 59);
        if (!sent) return std::nullopt;
        minutes = *sent;
    }
    const int seconds = (*hours * 60 + minutes) * 60;
    return *sign == '-' ? -seconds : seconds;
}

}  // namespace

std::int64_t midnight_micros(int year, int month, int day) {
    // Days since 1970 by counting in eras of 400 years whose year starts in March (Howard Hinnant, days_from_civil).
    const int shifted_year = month <= 2 ? year - 1 : year;
    const int era = (shifted_year >= 0 ? shifted_year : shifted_year - 399) / 400;
    const int year_of_era = shifted_year - era * 400;
    const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (std::int64_t{era} * 146'097 + day_of_era - 719'468) * kMicrosPerDay;
}

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
    Scanner scanner(text);
    const auto year = scanner.take_number(4, 0, 9999);
    if (!year || !scanner.take_any_of("-")) return std::nullopt;
    const auto month = scanner.take_number(2, 1, 12);
    if (!month || !scanner.take_any_of("-")) return std::nullopt;
    const auto day = scanner.take_number(2, 1, days_in_month(*year, *month));
    if (!day || !scanner.take_any_of("Tt ")) return std::nullopt;
    const auto hour = scanner.take_number(2, 0, 23);
    if (!hour || !scanner.take_any_of(":")) return std::nullopt;
    const auto minute = scanner.take_number(2, 0, 59);
    if (!minute || !scanner.take_any_of(":")) return std::nullopt;
    const auto second = scanner.take_number(2, 0, 60);
    if (!second) return std::nullopt;

    std::int64_t micros =
        midnight_micros(*year, *month, *day) + std::int64_t{(*hour * 60 + *minute) * 60 + *second} * kMicrosPerSecond;
    if (scanner.take_any_of(".")) {
        const auto fraction = scanner.take_fraction();
        if (!fraction) return std::nullopt;
        micros += *fraction;
    }
    if (scanner.done()) return Timestamp{micros, false};
    const auto zone = take_zone(scanner);
    if (!zone || !scanner.done()) return std::nullopt;
    return Timestamp{micros - *zone * kMicrosPerSecond, true};
}

std::optional<std::int64_t> epoch_to_micros(const Decimal& epoch) {
    const Decimal first_millis(100'000'000'000, 0);
    const __int128 factor = epoch < first_millis ? 1'000'000 : 1'000;
    __int128 divisor = 1;  // at most 10^38
    for (int i = 0; i < epoch.scale(); ++i) divisor *= 10;
    __int128 micros;
    if (__builtin_mul_overflow(epoch.coefficient(), factor, &micros)) return std::nullopt;
    const __int128 remainder = micros % divisor;
    micros = micros / divisor - (remainder < 0 ? 1 : 0);
    if (micros < std::numeric_limits<std::int64_t>::min() || micros > std::numeric_limits<std::int64_t>::max()) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(micros);
}

}  // namespace analytics
