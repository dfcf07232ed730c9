#include "core/rest/media_type.hpp"

#include "core/http/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

namespace analytics::rest {
namespace {

using Kind = MediaType::Kind;

constexpr std::array<std::pair<Kind, std::string_view>, 12> kNames = {{
    {Kind::any, "*/*"},
    {Kind::json, "application/json"},
    {Kind::array_without_nulls, "application/vnd.pgrst.array+json;nulls=stripped"},
    {Kind::object, "application/vnd.pgrst.object+json"},
    {Kind::object_without_nulls, "application/vnd.pgrst.object+json;nulls=stripped"},
    {Kind::csv, "text/csv"},
    {Kind::geojson, "application/geo+json"},
    {Kind::openapi, "application/openapi+json"},
    {Kind::text, "text/plain"},
    {Kind::xml, "text/xml"},
    {Kind::octet_stream, "application/octet-stream"},
    {Kind::form, "application/x-www-form-urlencoded"},
}};

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// What stands at the beginning of `text`, and is taken off.
std::string_view take(std::string_view& text, std::string_view others) {
    const auto* const end = std::find_if_not(text.begin(), text.end(), [&](char c) {
        return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
    });
    const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(taken.size());
    return taken;
}

bool take_sign(std::string_view& text, char sign) {
    text = http::trim(text);
    if (!text.starts_with(sign)) {
        return false;
    }
    text = http::trim(text.substr(1));
    return true;
}

// ;name=value and ;name="value", up to what is neither
std::map<std::string, std::string> read_parameters(std::string_view text) {
    std::map<std::string, std::string> parameters;
    while (take_sign(text, ';')) {
        const std::string name = http::lower_case(take(text, "-"));
        if (name.empty() || !take_sign(text, '=')) {
            break;
        }
        std::string_view value;
        if (text.starts_with('"')) {
            const auto end = text.find('"', 1);
            if (end == std::string_view::npos) {
                break;
            }
            value = text.substr(1, end - 1);
            text.remove_prefix(end + 1);
        } else if (value = take(text, "|-"); value.empty()) {
            break;
        }
        parameters[name] = value;
    }
    return parameters;
}

MediaType of_kind(Kind kind) {
    const auto* const found =
        std::find_if(kNames.begin(), kNames.end(), [&](const auto& each) { return each.first == kind; });
    return {kind, std::string(found->second)};
}

// 0.8: how much it is wanted. What is no number is 1.
double read_quality(std::string_view text) {
    double quality = 1;
    if (!text.empty() && text[0] >= '0' && text[0] <= '9') {
        std::from_chars(text.data(), text.data() + text.size(), quality);
    }
    return quality;
}

}  // namespace

MediaType read_media_type(std::string_view text) {
    std::string_view rest = text;
    const std::string type = http::lower_case(take(rest, ".*"));
    if (type.empty() || !rest.starts_with('/')) {
        return {Kind::other, std::string(text)};
    }
    rest.remove_prefix(1);
    const std::string name = type + "/" + http::lower_case(take(rest, ".*+-"));
    const auto parameters = read_parameters(rest);
    const auto nulls = parameters.find("nulls");
    const bool without_nulls = nulls != parameters.end() && nulls->second == "stripped";
    if (name == "application/vnd.pgrst.object+json" || name == "application/vnd.pgrst.object") {
        return of_kind(without_nulls ? Kind::object_without_nulls : Kind::object);
    }
    if (name == "application/vnd.pgrst.array+json" || name == "application/vnd.pgrst.array") {
        return of_kind(without_nulls ? Kind::array_without_nulls : Kind::json);
    }
    if (name == "application/vnd.pgrst.plan" || name.starts_with("application/vnd.pgrst.plan+")) {
        return {Kind::plan, std::string(text)};
    }
    const auto* const found =
        std::find_if(kNames.begin(), kNames.end(), [&](const auto& each) { return each.second == name; });
    return found == kNames.end() ? MediaType{Kind::other, std::string(text)} : of_kind(found->first);
}

std::vector<MediaType> read_accept(std::optional<std::string_view> accept) {
    if (!accept) {
        return {of_kind(Kind::any)};
    }
    struct Wish {
        double quality = 1;
        std::ptrdiff_t details = 0;  // parameters; wildcards count against
        std::string text;
    };
    std::string list(*accept);
    std::erase(list, ' ');
    std::vector<Wish> wishes;
    for (std::string_view rest = list; !rest.empty();) {
        const auto comma = rest.find(',');
        const std::string_view each = rest.substr(0, comma);
        const auto q = each.find(";q=");
        Wish& wish = wishes.emplace_back();
        wish.text = each.substr(0, q);  // what follows q says nothing
        wish.quality = q == std::string_view::npos ? 1 : read_quality(each.substr(q + 3));
        wish.details =
            std::count(wish.text.begin(), wish.text.end(), ';') - std::count(wish.text.begin(), wish.text.end(), '*');
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    std::stable_sort(wishes.begin(), wishes.end(), [](const Wish& a, const Wish& b) {
        return std::pair(a.quality, a.details) > std::pair(b.quality, b.details);
    });
    std::vector<MediaType> types;
    types.reserve(wishes.size());
    for (const Wish& wish : wishes) {
        types.push_back(read_media_type(wish.text));
    }
    return types;
}

MediaType read_content_type(std::optional<std::string_view> content_type) {
    return content_type ? read_media_type(*content_type) : of_kind(Kind::json);
}

std::string content_type_of(const MediaType& type) {
    const bool is_as_it_is = type.kind == Kind::octet_stream || type.kind == Kind::other;
    return type.name + (is_as_it_is ? "" : "; charset=utf-8");
}

std::string handled_name(const MediaType& type) {
    switch (type.kind) {
        case Kind::array_without_nulls:
        case Kind::object:
        case Kind::object_without_nulls:
        case Kind::plan:
            return {};
        case Kind::other:
            return http::lower_case(type.name.substr(0, type.name.find(';')));
        default:
            return type.name;
    }
}

std::optional<PlanType> read_plan_type(const MediaType& type) {
    std::string_view rest = type.name;
    const std::string name = http::lower_case(take(rest, "./+-"));
    const bool json = name == "application/vnd.pgrst.plan+json";
    if (!json && name != "application/vnd.pgrst.plan" && name != "application/vnd.pgrst.plan+text") {
        return std::nullopt;
    }
    auto parameters = read_parameters(rest);
    const auto of = parameters.find("for");
    PlanType plan{of == parameters.end() ? of_kind(Kind::json) : read_media_type(of->second), json, {}};
    const std::string options = '|' + parameters["options"] + '|';
    for (const char* const option : {"analyze", "verbose", "settings", "buffers", "wal"}) {
        if (options.find('|' + std::string(option) + '|') != std::string::npos) {
            plan.options.emplace_back(option);
        }
    }
    return plan;
}

std::string content_type_of(const PlanType& plan) {
    std::string text = "application/vnd.pgrst.plan+";
    text += plan.json ? "json" : "text";
    text += "; for=\"" + plan.of.name + '"';
    for (const std::string& option : plan.options) {
        text += (&option == &plan.options.front() ? "; options=" : "|") + option;
    }
    return text + "; charset=utf-8";
}

Failure unacceptable(const std::vector<MediaType>& accepted) {
    std::string list;
    for (const MediaType& type : accepted) {
        list.append(list.empty() ? "" : ", ").append(type.name);
    }
    return {406, "PGRST107", "None of these media types are available: " + list, {}, {}};
}

}  // namespace analytics::rest
