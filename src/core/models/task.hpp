// A long computation and who waits for it: it can be told to stop, and says how far it is. Both sides may be different
// threads. With it what a computation is allowed: threads and memory.
#pragma once

#include "core/no_postgres.hpp"

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>

namespace analytics::models {

// Thrown out of a computation that was told to stop; whoever told it catches it.
struct Cancelled {};

class Task {
public:
    // Threads: how many may compute at a time. Memory: bytes that the computation may take.
    Task(int threads, std::size_t memory) : threads_(threads), memory_(memory) {}

    int threads() const { return threads_; }

    // ---- the computation's side ----

    bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
    // Called every few milliseconds.
    void stop_if_cancelled() const {
        if (cancelled()) [[unlikely]] {
            throw Cancelled();
        }
    }
    // How far it is, for people: "k-means, k = 8, restart 3 of 10, iteration 41".
    void set_progress(std::string text);
    // Throws Error out_of_memory when that many bytes are more than the computation may take.
    void require_memory(std::size_t bytes) const;

    // ---- the other side ----

    void cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }
    // Whether there is news since the last call; if so, text is it.
    bool take_progress(std::string& text);

private:
    int threads_;
    std::size_t memory_;
    std::atomic<bool> cancelled_ = false;
    std::mutex mutex_;  // of what follows
    std::string progress_;
    bool news_ = false;
};

}  // namespace analytics::models
