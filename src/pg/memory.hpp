// PostgreSQL's memory: given back at once, by each piece of work and as a whole at the end of a scope; and for
// containers.
#pragma once

#include <cstddef>
#include <exception>
#include <memory_resource>

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

// Memory of containers that go with a context, such as an aggregate's state: so no destructor needs to run.
class ContextMemory final : public std::pmr::memory_resource {
public:
    explicit ContextMemory(MemoryContext context) : context_(context) {}

private:
    void* do_allocate(std::size_t bytes, std::size_t) override {
        return protect([&] { return MemoryContextAllocHuge(context_, bytes); });
    }
    void do_deallocate(void* pointer, std::size_t, std::size_t) override { pfree(pointer); }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

    MemoryContext context_;
};

}  // namespace analytics::pg
