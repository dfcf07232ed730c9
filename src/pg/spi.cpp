#include "pg/spi.hpp"

#include <array>
#include <string>

namespace analytics::pg {
namespace {

constexpr std::size_t kMaxParameters = 32;
constexpr long kRowsAtOnce = 1000;

// Parameters as SPI takes them.
struct Values {
    explicit Values(std::initializer_list<Parameter> parameters) {
        std::size_t place = 0;
        for (const auto& parameter : parameters) {
            values[place] = parameter.value;
            nulls[place] = parameter.null ? 'n' : ' ';
            ++place;
        }
    }

    std::array<Datum, kMaxParameters> values{};
    std::array<char, kMaxParameters> nulls{};
};

// Inside protect(). The settings last until the nesting level ends, or with the (sub)transaction.
int prefer_indexes() {
    const int level = NewGUCNestLevel();
    for (const char* setting : {"enable_seqscan", "enable_hashjoin", "enable_mergejoin"}) {
        set_config_option(setting, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    }
    return level;
}

[[noreturn]] void spi_failed(const char* what, int code) {
    throw analytics::Error(Code::internal, std::string(what) + " failed: " + SPI_result_code_string(code));
}

}  // namespace

Connection::Connection() : exceptions_(std::uncaught_exceptions()) {
    protect([] { SPI_connect(); });
}

Connection::~Connection() {
    if (std::uncaught_exceptions() == exceptions_) {
        SPI_finish();  // returns a code, raises nothing
    }
}

std::optional<Datum> Row::datum(int column) const {
    bool null = false;
    const Datum value = heap_getattr(tuple_, column, columns_, &null);
    return null ? std::nullopt : std::optional(value);
}

Datum Row::value(int column) const {
    const auto found = datum(column);
    if (!found) {
        throw analytics::Error(Code::internal, "unexpected null in column " + std::to_string(column));
    }
    return *found;
}

std::string_view Row::text(int column) const {
    const Datum stored = value(column);
    const auto* const pointer = DatumGetPointer(stored);
    if (VARATT_IS_EXTERNAL(pointer) || VARATT_IS_COMPRESSED(pointer)) {
        return protect([&] { return text_view(stored); });
    }
    return text_view(stored);  // in place: raises nothing
}

std::optional<std::string_view> Row::optional_text(int column) const {
    return is_null(column) ? std::nullopt : std::optional(text(column));
}

std::optional<TimestampTz> Row::optional_timestamp(int column) const {
    return is_null(column) ? std::nullopt : std::optional(timestamp(column));
}

Result::~Result() {
    // While an exception passes the connection and all its memory go with the failed transaction.
    if (table_ != nullptr && std::uncaught_exceptions() == 0) {
        SPI_freetuptable(table_);
    }
}

void Result::no_such_row() { throw analytics::Error(Code::internal, "a statement returned fewer rows than it should"); }

void Statement::prepare(std::size_t parameters) {
    if (parameters != types_.size() || parameters > kMaxParameters) {
        throw analytics::Error(Code::internal, "wrong number of parameters").detail(sql_);
    }
    if (plan_ != nullptr) {
        return;
    }
    protect([&] {
        const SPIPlanPtr plan = SPI_prepare_cursor(sql_, static_cast<int>(types_.size()),
                                                   const_cast<Oid*>(types_.data()), CURSOR_OPT_GENERIC_PLAN);
        if (plan != nullptr && SPI_keepplan(plan) == 0) {
            plan_ = plan;
        }
    });
    if (plan_ == nullptr) {
        spi_failed("SPI_prepare_cursor", SPI_result);
    }
}

Result Statement::execute(std::initializer_list<Parameter> parameters, Access access) {
    prepare(parameters.size());
    Values given(parameters);
    SPITupleTable* table = nullptr;
    std::uint64_t processed = 0;
    const int code = protect([&] {
        const int level = search_ == Search::by_index ? prefer_indexes() : 0;
        const int done =
            SPI_execute_plan(plan_, given.values.data(), given.nulls.data(), access == Access::read_only, 0);
        table = SPI_tuptable;
        processed = SPI_processed;
        if (level > 0) {
            AtEOXact_GUC(true, level);
        }
        return done;
    });
    if (code < 0) {
        spi_failed("SPI_execute_plan", code);
    }
    return {table, processed};
}

void Statement::stream(std::initializer_list<Parameter> parameters, Access access,
                       const std::function<void(const Row&)>& take) {
    prepare(parameters.size());
    Values given(parameters);
    Portal const portal = protect([&] {
        return SPI_cursor_open(nullptr, plan_, given.values.data(), given.nulls.data(), access == Access::read_only);
    });
    for (;;) {
        protect([&] { SPI_cursor_fetch(portal, true, kRowsAtOnce); });
        const Result rows(SPI_tuptable, SPI_processed);
        if (rows.size() == 0) {
            break;
        }
        for (std::uint64_t i = 0; i < rows.size(); ++i) {
            take(rows[i]);
        }
    }
    protect([&] { SPI_cursor_close(portal); });
}

}  // namespace analytics::pg
