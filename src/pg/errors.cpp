#include "pg/errors.hpp"

#include <cstring>
#include <new>

namespace analytics::pg {
namespace {

// Where what is said about a failure is kept: it must outlive everything the failed transaction has open.
MemoryContext error_memory() { return CurTransactionContext != nullptr ? CurTransactionContext : TopMemoryContext; }

// Copies the error being handled and clears PostgreSQL's error state. Null when even that runs out of memory.
ErrorData* take_error(MemoryContext memory) {
    ErrorData* volatile data = nullptr;
    PG_TRY();
    {
        MemoryContextSwitchTo(memory);
        data = CopyErrorData();
    }
    PG_CATCH();
    { data = nullptr; }
    PG_END_TRY();
    FlushErrorState();
    return data;
}

// Null when memory is out.
char* copy_text(const char* text) noexcept {
    std::size_t const size = std::strlen(text) + 1;
    auto* copy =
        static_cast<char*>(MemoryContextAllocExtended(error_memory(), size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE));
    if (copy != nullptr) {
        std::memcpy(copy, text, size);
    }
    return copy;
}

// What is left of an exception once it is gone: nothing that would need a destructor.
struct Report {
    ErrorData* rethrown = nullptr;
    int sqlstate = ERRCODE_INTERNAL_ERROR;
    const char* message = nullptr;
    const char* detail = nullptr;
    const char* hint = nullptr;
};

Report describe(int sqlstate, const char* message, const char* detail = "", const char* hint = "") noexcept {
    Report report;
    report.sqlstate = sqlstate;
    report.message = copy_text(message);
    report.detail = *detail == '\0' ? nullptr : copy_text(detail);
    report.hint = *hint == '\0' ? nullptr : copy_text(hint);
    return report;
}

[[noreturn]] void raise(const Report& report) {
    if (report.rethrown != nullptr) {
        ReThrowError(report.rethrown);
    }
    if (report.message == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    }
    ereport(ERROR, (errcode(report.sqlstate), errmsg_internal("%s", report.message),
                    report.detail != nullptr ? errdetail_internal("%s", report.detail) : 0,
                    report.hint != nullptr ? errhint("%s", report.hint) : 0));
    pg_unreachable();
}

}  // namespace

void run_protected(void (*body)(void*), void* data) {
    MemoryContext const caller = CurrentMemoryContext;
    sigjmp_buf* const jump = PG_exception_stack;
    ErrorContextCallback* const context = error_context_stack;
    bool volatile failed = false;
    PG_TRY();
    {
        try {
            body(data);
        } catch (...) {
            // an exception leaves the region by another way than PG_END_TRY
            PG_exception_stack = jump;
            error_context_stack = context;
            throw;
        }
    }
    PG_CATCH();
    { failed = true; }
    PG_END_TRY();
    if (failed) [[unlikely]] {
        ErrorData* const error = take_error(error_memory());
        MemoryContextSwitchTo(caller);
        if (error == nullptr) {
            throw std::bad_alloc();
        }
        throw Error(error);
    }
}

int sqlstate_of(Code code) noexcept {
    switch (code) {
        case Code::invalid_parameter:
            return ERRCODE_INVALID_PARAMETER_VALUE;
        case Code::invalid_text:
            return ERRCODE_INVALID_TEXT_REPRESENTATION;
        case Code::syntax_error:
            return ERRCODE_SYNTAX_ERROR;
        case Code::out_of_range:
            return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
        case Code::limit_exceeded:
            return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
        case Code::out_of_memory:
            return ERRCODE_OUT_OF_MEMORY;
        case Code::internal:
            break;
    }
    return ERRCODE_INTERNAL_ERROR;
}

void fail(int sqlstate, const std::string& message, const std::string& detail, const std::string& hint) {
    const char* const message_text = message.c_str();
    const char* const detail_text = detail.empty() ? nullptr : detail.c_str();
    const char* const hint_text = hint.empty() ? nullptr : hint.c_str();
    protect([&] {
        ereport(ERROR, (errcode(sqlstate), errmsg_internal("%s", message_text),
                        detail_text != nullptr ? errdetail_internal("%s", detail_text) : 0,
                        hint_text != nullptr ? errhint("%s", hint_text) : 0));
    });
    pg_unreachable();
}

Datum guarded(Datum (*body)(FunctionCallInfo), FunctionCallInfo fcinfo) {
    Report report;
    try {
        return body(fcinfo);
    } catch (const Error& error) {
        report.rethrown = error.data();
    } catch (const analytics::Error& error) {
        report = describe(sqlstate_of(error.code()), error.what(), error.detail().c_str(), error.hint().c_str());
    } catch (const std::bad_alloc&) {
        report.message = nullptr;
    } catch (const std::exception& error) {
        report = describe(ERRCODE_INTERNAL_ERROR, error.what());
    } catch (...) {
        report = describe(ERRCODE_INTERNAL_ERROR, "unknown C++ exception");
    }
    raise(report);
}

}  // namespace analytics::pg
