// GET /api/visualize: from its query string to a call of analytics.visualize().
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace analytics::workers {

struct ReportArguments {
    std::optional<std::string> metric, grain, by, from, to, compare, limit, currency, basis;
    std::optional<std::string> store = "main";  // nothing: all that the role may see
    std::string filters = "{}";                 // JSON
};

// Names that are no argument are filters, their values separated by commas. Nothing: it is not well-formed.
std::optional<ReportArguments> read_report_query(std::string_view query);

// In a transaction, as whoever asks. The report's JSON.
std::string run_report(const ReportArguments& arguments);

}  // namespace analytics::workers
