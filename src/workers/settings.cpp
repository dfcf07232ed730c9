#include "workers/settings.hpp"

namespace analytics::workers {
namespace {

char* databases_setting = nullptr;
int refresh_interval_setting = 0;

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
}

int refresh_interval() { return refresh_interval_setting; }

List* listed_databases() {
    List* names = NIL;
    split_names(pstrdup(databases_setting), &names);
    return names;
}

}  // namespace analytics::workers
