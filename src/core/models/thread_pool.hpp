// Threads that share out the parts of one loop after another.
//
// The answer of a computation must not depend on how many threads it has: cut the work into parts whose size depends
// on the data alone, let each part write its own result, and put the results together in the order of the parts.
#pragma once

#include "core/no_postgres.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace analytics::models {

class ThreadPool {
public:
    // The caller of run() is one of the threads. Where the system gives fewer, there are fewer.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    // Calls part(0) .. part(parts - 1), each once, on any thread; comes back when all are done. What the first that
    // fails throws, it throws; those that have not begun are left out then.
    void run(std::size_t parts, const std::function<void(std::size_t)>& part);

private:
    void work();
    void take_parts();

    std::vector<std::thread> threads_;
    std::mutex mutex_;  // of what follows
    std::condition_variable begin_;
    std::condition_variable end_;
    std::uint64_t round_ = 0;
    std::size_t busy_ = 0;
    bool stop_ = false;
    std::exception_ptr failure_;

    const std::function<void(std::size_t)>* part_ = nullptr;  // of the round
    std::size_t parts_ = 0;
    std::atomic<std::size_t> next_ = 0;
};

}  // namespace analytics::models
