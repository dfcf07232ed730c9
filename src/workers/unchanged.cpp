#include "workers/unchanged.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "core/http/etag.hpp"
#include "workers/http_settings.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

namespace analytics::workers {
namespace {

constexpr std::size_t kMostAnswers = 256;
constexpr std::size_t kLongestKey = 8192;

// What of ours is made of events, products, rates and settings, and of nothing else. A view that looks at the clock
// does not belong here.
constexpr std::array<std::string_view, 12> kOfData = {
    "sales_hourly",     "sales_daily", "sales_weekly",   "sales_monthly",    "product_daily", "category_daily",
    "product_affinity", "customer",    "customer_month", "cohort_retention", "funnel_daily",  "session_daily"};

// Words that PostgreSQL reads as times by the clock, in any value that becomes a date.
constexpr std::array<std::string_view, 4> kClockWords = {"now", "today", "tomorrow", "yesterday"};

// Fields that an answer depends on, besides the role and its claims.
constexpr std::array<const char*, 6> kFields = {"Accept", "Accept-Profile", "Prefer",
                                                "Range",  "Range-Unit",     "Accept-Encoding"};

struct Kept {
    std::string snapshot;
    http::Response answer;  // without its body
};

std::unordered_map<std::string, Kept> answers;

// Such a word may be hidden: by letters that are encoded, which nobody needs to do, or by quotes and backslashes, which
// lists, arrays and ranges take out.
bool names_the_clock(std::string_view query) {
    const std::string text = http::lower_case(query);
    for (std::size_t i = 0; i + 2 < text.size(); ++i) {
        if (text[i] == '%' && (std::string_view("4567").find(text[i + 1]) != std::string_view::npos ||
                               text.compare(i + 1, 2, "22") == 0)) {
            return true;
        }
    }
    return text.find_first_of("\"\\") != std::string::npos ||
           std::any_of(kClockWords.begin(), kClockWords.end(),
                       [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

std::string key_of(const http::Query& query) {
    std::string key;
    const auto add = [&](std::string_view part) { key.append(part).push_back('\0'); };
    add(query.role);
    add(query.claims);
    add(query.request.path);
    add(query.request.query);
    for (const char* const name : kFields) {
        for (const auto& [field, value] : query.request.fields.all()) {
            if (http::equal_ignoring_case(field, name)) {
                add(value);
            }
        }
        add("");
    }
    return key;
}

}  // namespace

bool depends_on_data_alone(const http::Query& query, const rest::Prepared& prepared, const rest::Target& target) {
    return query.request.method == "GET" && prepared.columns_alone && prepared.schema == "analytics_api" &&
           std::find(kOfData.begin(), kOfData.end(), target.name) != kOfData.end() &&
           !names_the_clock(query.request.query) && !query.request.fields.find("Prefer");
}

bool report_depends_on_data_alone(const http::Query& query, const ReportArguments& arguments) {
    return query.request.method == "GET" && arguments.from && arguments.to && !names_the_clock(query.request.query);
}

std::string present_snapshot() {
    const SnapshotData& snapshot = *GetActiveSnapshot();
    std::string bytes;
    const auto add = [&](const void* from, std::size_t size) { bytes.append(static_cast<const char*>(from), size); };
    add(&snapshot.xmin, sizeof snapshot.xmin);
    add(&snapshot.xmax, sizeof snapshot.xmax);
    add(snapshot.xip, snapshot.xcnt * sizeof *snapshot.xip);
    bytes += snapshot.suboverflowed ? '+' : ' ';
    add(snapshot.subxip, static_cast<std::size_t>(snapshot.subxcnt) * sizeof *snapshot.subxip);
    return bytes;
}

std::optional<http::Response> unchanged_answer(const http::Query& query) {
    if (answers.empty() || has_pre_request() || query.request.method != "GET" ||
        !query.request.fields.find("If-None-Match")) {
        return std::nullopt;
    }
    const auto found = answers.find(key_of(query));
    if (found == answers.end() || found->second.snapshot != present_snapshot() ||
        !http::none_match_names(query.request.fields, found->second.answer.fields.find("ETag").value_or(""))) {
        return std::nullopt;
    }
    http::Response answer = found->second.answer;
    answer.status = 304;
    return answer;
}

void remember_answer(const http::Query& query, std::string snapshot, const http::Response& answer) {
    std::string key = key_of(query);
    if ((answer.status != 200 && answer.status != 304) || !answer.fields.find("ETag") || key.size() > kLongestKey) {
        return;
    }
    if (answers.size() >= kMostAnswers) {
        answers.clear();
    }
    http::Response kept;
    for (const auto& [name, value] : answer.fields.all()) {
        if (name != "Content-Encoding") {  // of the body, which is not there
            kept.fields.add(name, value);
        }
    }
    answers[std::move(key)] = {std::move(snapshot), std::move(kept)};
}

void forget_answers() { answers.clear(); }

}  // namespace analytics::workers
