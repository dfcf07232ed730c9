#include "pg/shaped_statement.hpp"

#include <functional>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

extern "C" {
#include "mb/pg_wchar.h"
#include "parser/parse_param.h"
#include "utils/lsyscache.h"
}

namespace analytics::pg {
namespace {

constexpr std::size_t kMostPlans = 100;        // of a process
constexpr std::size_t kMostText = 256 * 1024;  // of all of them: a plan takes a hundred times the memory of its text
constexpr std::size_t kLongest = 32 * 1024;    // of a text whose plan is kept

struct Shaped {
    Oid role = InvalidOid;
    std::string sql;
    SPIPlanPtr plan = nullptr;
    // What the parser finds the types to be; it writes here whenever the plan is made anew.
    std::vector<Oid> types;
    Oid* type_array = nullptr;
    int type_count = 0;
};

void set_parser_up(ParseState* state, void* shaped) {
    auto* const self = static_cast<Shaped*>(shaped);
    setup_parse_variable_parameters(state, &self->type_array, &self->type_count);
}

// Inside protect().
void prepare(Shaped& shaped, std::size_t values) {
    shaped.type_array = shaped.types.data();
    shaped.type_count = static_cast<int>(values);
    shaped.plan = SPI_prepare_params(shaped.sql.c_str(), set_parser_up, &shaped, 0);
}

// Inside protect().
ParamListInfo bind_values(const Shaped& shaped, const std::vector<std::string>& values) {
    ParamListInfo const list = makeParamList(static_cast<int>(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        Oid function = InvalidOid;
        Oid element = InvalidOid;
        const Oid type = shaped.types[i] == InvalidOid ? UNKNOWNOID : shaped.types[i];
        getTypeInputInfo(type, &function, &element);
        char* const text =
            pg_any_to_server(pnstrdup(values[i].data(), values[i].size()), static_cast<int>(values[i].size()), PG_UTF8);
        list->params[i] = {OidInputFunctionCall(function, text, element, -1), false, PARAM_FLAG_CONST, type};
    }
    return list;
}

// The plans kept, those used last first. Each is one role's: what was inlined into a plan was allowed to whom it was
// made for, and is not looked at again.
struct Kept {
    using Order = std::list<std::unique_ptr<Shaped>>;
    using Key = std::pair<Oid, std::string_view>;

    struct Hash {
        std::size_t operator()(const Key& key) const { return std::hash<std::string_view>()(key.second) ^ key.first; }
    };

    Order order;
    std::size_t text = 0;  // bytes
    std::unordered_map<Key, Order::iterator, Hash> by_key;

    Shaped* find(Oid role, const std::string& sql) {
        const auto found = by_key.find({role, sql});
        if (found == by_key.end()) {
            return nullptr;
        }
        order.splice(order.begin(), order, found->second);
        return order.front().get();
    }

    void add(std::unique_ptr<Shaped> shaped) {
        text += shaped->sql.size();
        while (!order.empty() && (order.size() == kMostPlans || text > kMostText)) {
            drop_last();
        }
        order.push_front(std::move(shaped));
        by_key[{order.front()->role, order.front()->sql}] = order.begin();
    }

    void drop_last() {
        by_key.erase({order.back()->role, order.back()->sql});
        text -= order.back()->sql.size();
        SPIPlanPtr const plan = order.back()->plan;
        order.pop_back();
        protect([plan] { SPI_freeplan(plan); });
    }
};

Kept kept;

// Where there is no receiver, rows are gathered.
Result run(const std::string& sql, const std::vector<std::string>& values, DestReceiver* receiver) {
    const Oid role = GetUserId();
    Shaped* shaped = kept.find(role, sql);
    std::unique_ptr<Shaped> fresh;
    if (shaped == nullptr) {
        fresh = std::make_unique<Shaped>();
        fresh->role = role;
        fresh->sql = sql;
        fresh->types.resize(values.size(), InvalidOid);
        shaped = fresh.get();
        protect([&] { prepare(*shaped, values.size()); });
        if (shaped->plan == nullptr) {
            throw analytics::Error(Code::internal, "SPI_prepare_params failed")
                .detail(SPI_result_code_string(SPI_result));
        }
    }
    SPITupleTable* table = nullptr;
    std::uint64_t processed = 0;
    const int code = protect([&] {
        SPIExecuteOptions options{};
        options.params = bind_values(*shaped, values);
        options.dest = receiver;
        const int done = SPI_execute_plan_extended(shaped->plan, &options);
        table = SPI_tuptable;
        processed = SPI_processed;
        return done;
    });
    if (code < 0) {
        throw analytics::Error(Code::internal, "a statement failed").detail(SPI_result_code_string(code));
    }
    if (fresh && sql.size() <= kLongest) {
        protect([&] { SPI_keepplan(shaped->plan); });
        kept.add(std::move(fresh));
    }
    return {table, processed};
}

}  // namespace

Result run_shaped(const std::string& sql, const std::vector<std::string>& values) { return run(sql, values, nullptr); }

void run_shaped(const std::string& sql, const std::vector<std::string>& values, DestReceiver* receiver) {
    run(sql, values, receiver);
}

void forget_shaped() {
    while (!kept.order.empty()) {
        kept.drop_last();
    }
}

}  // namespace analytics::pg
