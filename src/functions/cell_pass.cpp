#include "functions/cell_pass.hpp"

#include "core/json.hpp"

#include <charconv>
#include <map>

namespace analytics::cell_pass {
namespace {

std::string text_of(const json::Node& node) {
    std::string text;
    json::unescape(node.content(), text);
    return text;
}

int number_of(const json::Node& node) {
    int number = -1;  // null
    std::from_chars(node.raw.data(), node.raw.data() + node.raw.size(), number);
    return number;
}

bool truth_of(const json::Node& node) { return node.raw == "true"; }

cells::Extreme extreme_of(const std::string& name) {
    if (name == "first_seen_at") return cells::Extreme::first_seen_at;
    if (name == "last_seen_at") return cells::Extreme::last_seen_at;
    if (name == "first_order") return cells::Extreme::first_order;
    if (name == "last_order_at") return cells::Extreme::last_order_at;
    throw Error(Code::internal, "unknown first or last moment").detail(name);
}

cells::Grain grain_of(const std::string& name) {
    if (name == "hour") return cells::Grain::hour;
    if (name == "day") return cells::Grain::day;
    if (name == "week") return cells::Grain::week;
    if (name == "month") return cells::Grain::month;
    throw Error(Code::internal, "unknown grain").detail(name);
}

cells::Sum sum_of(const json::Node& node) {
    cells::Sum sum;
    for (const json::Node& member : json::Children(node)) {
        if (member.key == "column") {
            sum.column = number_of(member);
        } else if (member.key == "amount") {
            sum.is_amount = truth_of(member);
        } else if (member.key == "first") {
            sum.first_in_cell = truth_of(member);
        } else if (member.key == "converted") {
            sum.converted = truth_of(member);
        }
    }
    return sum;
}

Rollup rollup_of(const json::Node& node) {
    Rollup rollup;
    for (const json::Node& member : json::Children(node)) {
        const std::string_view key = member.key;
        if (key == "cells") {
            rollup.cells = text_of(member);
        } else if (key == "finer") {
            rollup.finer = number_of(member);
        } else if (key == "condition") {
            rollup.shape.condition = number_of(member);
        } else if (key == "bucket") {
            rollup.shape.bucket = grain_of(text_of(member));
        } else if (key == "lost" && member.type == json::Type::string) {
            rollup.lost.sql = text_of(member);
        } else if (member.type == json::Type::array) {
            for (const json::Node& element : json::Children(member)) {
                if (key == "keys") {
                    rollup.shape.keys.push_back(number_of(element));
                } else if (key == "sums") {
                    rollup.shape.sums.push_back(sum_of(element));
                } else if (key == "counts") {
                    rollup.shape.counts.push_back(number_of(element));
                } else if (key == "extremes") {
                    rollup.shape.extremes.push_back(extreme_of(text_of(element)));
                } else if (key == "columns") {
                    rollup.columns.push_back(text_of(element));
                } else if (key == "merges") {
                    rollup.statements.push_back({text_of(element)});
                }
            }
        }
    }
    return rollup;
}

SessionPass session_of(const json::Node& node) {
    SessionPass session;
    for (const json::Node& member : json::Children(node)) {
        if (member.key == "probe") {
            session.probe.sql = text_of(member);
            continue;
        }
        if (member.key == "gone") {
            session.gone.sql = text_of(member);
            continue;
        }
        if (member.key == "known") {
            session.known.sql = text_of(member);
            continue;
        }
        for (const json::Node& element : json::Children(member)) {
            if (member.key == "columns") {
                session.columns.push_back(number_of(element));
            } else {
                session.writes.push_back({text_of(element)});
            }
        }
    }
    return session;
}

ProductPass product_of(const json::Node& node) {
    ProductPass product;
    for (const json::Node& member : json::Children(node)) {
        for (const json::Node& column : json::Children(member)) {
            product.columns.push_back(number_of(column));
        }
    }
    return product;
}

Pass read(const std::string& description) {
    json::Document document;
    if (!document.read(description.data(), description.data() + description.size()) ||
        document.root().type != json::Type::object) {
        throw Error(Code::internal, "a pass is described by no JSON object");
    }
    Pass pass;
    for (const json::Node& member : json::Children(document.root())) {
        if (member.key == "query") {
            pass.query = text_of(member);
        } else if (member.key == "hll") {
            pass.hll_schema = text_of(member);
        } else if (member.key == "session" && member.type == json::Type::object) {
            pass.session = session_of(member);
        } else if (member.key == "product" && member.type == json::Type::object) {
            pass.product = product_of(member);
        } else if (member.key == "rollups") {
            for (const json::Node& element : json::Children(member)) {
                pass.rollups.push_back(rollup_of(element));
            }
        }
    }
    return pass;
}

void forget(Kept& kept) {
    if (kept.plan != nullptr) {
        SPI_freeplan(kept.plan);
    }
}

void forget(Pass& pass) {
    if (pass.plan != nullptr) {
        SPI_freeplan(pass.plan);
    }
    if (pass.session) {
        forget(pass.session->probe);
        forget(pass.session->gone);
        forget(pass.session->known);
        for (Kept& kept : pass.session->writes) {
            forget(kept);
        }
    }
    for (Rollup& rollup : pass.rollups) {
        forget(rollup.lost);
        for (Kept& kept : rollup.statements) {
            forget(kept);
        }
    }
}

}  // namespace

pg::Result run(Kept& statement) {
    SPITupleTable* table = nullptr;
    std::uint64_t processed = 0;
    const int code = pg::protect([&] {
        if (statement.plan == nullptr) {
            const SPIPlanPtr plan = SPI_prepare(statement.sql.c_str(), 0, nullptr);
            if (plan == nullptr || SPI_keepplan(plan) != 0) {
                return SPI_result;
            }
            statement.plan = plan;
        }
        const int done = SPI_execute_plan(statement.plan, nullptr, nullptr, false, 0);
        table = SPI_tuptable;
        processed = SPI_processed;
        return done;
    });
    if (code < 0) {
        throw Error(Code::internal, "a statement of a pass failed").detail(SPI_result_code_string(code));
    }
    return {table, processed};
}

Pass& pass_from(std::string_view description) {
    // one for the built-in rollups, one for custom ones, and what they were before a change
    constexpr std::size_t kMost = 4;
    static std::map<std::string, Pass, std::less<>> known;
    auto found = known.find(description);
    if (found == known.end()) {
        if (known.size() == kMost) {
            for (auto& [key, pass] : known) {
                forget(pass);
            }
            known.clear();
        }
        std::string key(description);
        Pass pass = read(key);
        found = known.emplace(std::move(key), std::move(pass)).first;
    }
    return found->second;
}

}  // namespace analytics::cell_pass
