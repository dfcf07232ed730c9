// Errors across the boundary, both ways.
//
// PostgreSQL raises errors by longjmp, C++ by exceptions; neither may pass through the other's frames.
//   protect(call)  runs C code that may longjmp and turns that into pg::Error, which carries the whole ErrorData;
//   guarded(body)  runs C++ code for PostgreSQL and turns every exception into ereport, once all C++ objects are gone.
//
// A call given to protect() may hold only trivially destructible locals while it is inside PostgreSQL: the longjmp
// skips destructors. Results go out through references.
//
// An Error may be swallowed only after the (sub)transaction in which it arose has been rolled back.
#pragma once

#include "core/error.hpp"

#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "pg/headers.hpp"

namespace analytics::pg {

// An error that PostgreSQL raised. Its ErrorData lies in memory of the transaction that failed and lives until that is
// rolled back.
class Error : public std::exception {
public:
    explicit Error(ErrorData* data) noexcept : data_(data) {}

    const char* what() const noexcept override { return data_->message != nullptr ? data_->message : "unknown error"; }
    int sqlstate() const noexcept { return data_->sqlerrcode; }
    ErrorData* data() const noexcept { return data_; }

private:
    ErrorData* data_;
};

// The SQLSTATE of a core's error, as ereport takes it.
int sqlstate_of(Code code) noexcept;

// Throws pg::Error, raised by ereport with these parts; for SQLSTATEs that the core's codes do not cover.
[[noreturn]] void fail(int sqlstate, const std::string& message, const std::string& detail = {},
                       const std::string& hint = {});

// Runs body(data). An ERROR becomes pg::Error; FATAL ends the process without coming back here.
void run_protected(void (*body)(void*), void* data);

template <typename Call>
auto protect(Call&& call) {
    using Callable = std::remove_reference_t<Call>;
    using Result = std::invoke_result_t<Callable&>;
    if constexpr (std::is_void_v<Result>) {
        run_protected([](void* data) { (*static_cast<Callable*>(data))(); },
                      const_cast<void*>(static_cast<const void*>(std::addressof(call))));
    } else {
        static_assert(std::is_trivially_destructible_v<Result>, "a longjmp would skip its destructor");
        struct {
            Callable* call;
            Result result;
        } state{std::addressof(call), {}};
        run_protected(
            [](void* data) {
                auto* inner = static_cast<decltype(state)*>(data);
                inner->result = (*inner->call)();
            },
            &state);
        return state.result;
    }
}

// Lets a pending cancel or termination act.
inline void check_for_interrupts() {
    if (INTERRUPTS_PENDING_CONDITION()) [[unlikely]] {
        protect([] { ProcessInterrupts(); });
    }
}

// Runs a C++ function on behalf of PostgreSQL.
Datum guarded(Datum (*body)(FunctionCallInfo), FunctionCallInfo fcinfo);

}  // namespace analytics::pg
