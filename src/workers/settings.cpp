#include "workers/settings.hpp"

#include <cctype>
#include <optional>
#include <string_view>

namespace analytics::workers {
namespace {

char* databases_setting = nullptr;
int refresh_interval_setting = 0;
char* models_at_setting = nullptr;

bool split_names(char* text, List** names) { return SplitIdentifierString(text, ',', names); }

bool check_databases(char** value, void** /*extra*/, GucSource /*source*/) {
    char* const copy = pstrdup(*value);
    List* names = NIL;
    const bool valid = split_names(copy, &names);
    list_free(names);
    pfree(copy);
    if (!valid) {
        GUC_check_errdetail("List syntax is invalid.");
        GUC_check_errhint(
            "Separate names with commas, and put names with capitals or special characters into double "
            "quotes.");
    }
    return valid;
}

// HH:MM or HH:MM:SS, as seconds.
std::optional<int> time_of_day(std::string_view text) {
    if (text.size() != 5 && text.size() != 8) {
        return {};
    }
    int seconds = 0;
    for (std::size_t place = 0; place < text.size(); place += 3) {
        const bool digits = std::isdigit(static_cast<unsigned char>(text[place])) != 0 &&
                            std::isdigit(static_cast<unsigned char>(text[place + 1])) != 0;
        const int value = 10 * (text[place] - '0') + (text[place + 1] - '0');
        if (!digits || value >= (place == 0 ? 24 : 60) || (place > 0 && text[place - 1] != ':')) {
            return {};
        }
        seconds = 60 * seconds + value;
    }
    return text.size() == 5 ? 60 * seconds : seconds;
}

bool check_models_at(char** value, void** /*extra*/, GucSource /*source*/) {
    const bool valid = **value == '\0' || time_of_day(*value);
    if (!valid) {
        GUC_check_errhint(
            "Use a time of day from 00:00 to 23:59, with seconds if need be, or an empty text for never.");
    }
    return valid;
}

}  // namespace

void define_settings() {
    DefineCustomStringVariable("analytics.databases", "Databases that the launcher starts workers in.",
                               "Names separated by commas. Empty: all that have the extension. Databases that are "
                               "templates or allow no connections have no workers.",
                               &databases_setting, "", PGC_SIGHUP, GUC_LIST_INPUT, check_databases, nullptr, nullptr);
    DefineCustomIntVariable(
        "analytics.refresh_interval", "How long the refresh worker waits when there is nothing left to merge.",
        "Views are right whatever stands here: they add what is not merged yet. Without a unit: "
        "milliseconds.",
        &refresh_interval_setting, 1000, 10, 3600000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomStringVariable(
        "analytics.models_at", "Time of day at which workers run what schedule() has pg_cron run at night.",
        "In the server's TimeZone. Retention, segments and models, but those that an active job of pg_cron in the "
        "database does already. Empty: never.",
        &models_at_setting, "03:00", PGC_SIGHUP, 0, check_models_at, nullptr, nullptr);
}

int refresh_interval() { return refresh_interval_setting; }

std::optional<int> models_at() { return time_of_day(models_at_setting); }

List* listed_databases() {
    List* names = NIL;
    split_names(pstrdup(databases_setting), &names);
    return names;
}

}  // namespace analytics::workers
