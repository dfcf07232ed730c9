// PostgreSQL memory that is given back at once: by each piece of work, and as a whole at the end of a scope.
#pragma once

#include <exception>

#include "pg/errors.hpp"
#include "pg/headers.hpp"

namespace analytics::pg {

class Memory {
public:
    explicit Memory(const char* name) : exceptions_(std::uncaught_exceptions()) {
        own_ =
            protect([&] { return AllocSetContextCreateInternal(CurrentMemoryContext, name, ALLOCSET_DEFAULT_SIZES); });
    }
    ~Memory() {
        // While an exception passes, the memory around it goes with the failed transaction, and this with it.
        if (std::uncaught_exceptions() == exceptions_) {
            MemoryContextDelete(own_);
        }
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    // What the work allocates is gone afterwards.
    template <typename Work>
    void inside(Work&& work) {
        MemoryContext const caller = MemoryContextSwitchTo(own_);
        work();
        MemoryContextSwitchTo(caller);
        MemoryContextReset(own_);
    }

private:
    MemoryContext own_ = nullptr;
    int exceptions_;
};

}  // namespace analytics::pg
