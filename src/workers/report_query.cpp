#include "workers/report_query.hpp"

#include <array>
#include <map>
#include <vector>

#include "core/http/errors.hpp"
#include "core/http/query_string.hpp"
#include "pg/spi.hpp"

namespace analytics::workers {
namespace {

constexpr std::array<Oid, 11> kTypes = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
                                        TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
pg::Statement visualize(
    "SELECT analytics.visualize(metric => $1, grain => coalesce($2, 'day'), by => $3, \"from\" => $4::timestamp,"
    " \"to\" => $5::timestamp, compare => coalesce($6, 'none'), filters => $7::jsonb, \"limit\" => "
    "coalesce($8::integer, 10),"
    " store => $9, currency => $10, basis => coalesce($11, 'refund'))::text",
    kTypes);

std::optional<std::string>* place_of(ReportArguments& arguments, std::string_view name) {
    const std::array<std::pair<std::string_view, std::optional<std::string>*>, 10> places = {{
        {"metric", &arguments.metric},
        {"grain", &arguments.grain},
        {"by", &arguments.by},
        {"from", &arguments.from},
        {"to", &arguments.to},
        {"compare", &arguments.compare},
        {"limit", &arguments.limit},
        {"store", &arguments.store},
        {"currency", &arguments.currency},
        {"basis", &arguments.basis},
    }};
    for (const auto& [known, place] : places) {
        if (known == name) {
            return place;
        }
    }
    return nullptr;
}

std::string filters_json(const std::map<std::string, std::vector<std::string>>& filters) {
    std::string json = "{";
    for (const auto& [name, values] : filters) {
        json += json.size() > 1 ? "," : "";
        http::append_json(json, name);
        json += ":[";
        for (std::size_t i = 0; i < values.size(); ++i) {
            json += i > 0 ? "," : "";
            http::append_json(json, values[i]);
        }
        json += ']';
    }
    return json + '}';
}

pg::Parameter parameter(const std::optional<std::string>& text) {
    if (!text) {
        return {};
    }
    return pg::protect([&] {
        const auto size = static_cast<int>(text->size());
        return CStringGetTextDatum(pg_any_to_server(pnstrdup(text->data(), text->size()), size, PG_UTF8));
    });
}

}  // namespace

std::optional<ReportArguments> read_report_query(std::string_view query) {
    const auto parameters = http::parse_query(query);
    if (!parameters) {
        return std::nullopt;
    }
    ReportArguments arguments;
    std::map<std::string, std::vector<std::string>> filters;
    for (const auto& [name, value] : *parameters) {
        if (auto* const place = place_of(arguments, name)) {
            *place = value.empty() ? std::nullopt : std::optional(value);
            continue;
        }
        auto& values = filters[name];
        for (std::size_t begin = 0; begin <= value.size();) {
            const auto comma = value.find(',', begin);
            values.push_back(value.substr(begin, comma - begin));
            begin = comma == std::string::npos ? value.size() + 1 : comma + 1;
        }
    }
    arguments.filters = filters_json(filters);
    return arguments;
}

std::string run_report(const ReportArguments& arguments) {
    const pg::Connection connection;
    const pg::Result rows =
        visualize.execute({parameter(arguments.metric), parameter(arguments.grain), parameter(arguments.by),
                           parameter(arguments.from), parameter(arguments.to), parameter(arguments.compare),
                           parameter(arguments.filters), parameter(arguments.limit), parameter(arguments.store),
                           parameter(arguments.currency), parameter(arguments.basis)},
                          pg::Access::read_only);
    return std::string(rows[0].text(1));
}

}  // namespace analytics::workers
