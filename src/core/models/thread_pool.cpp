#include "core/models/thread_pool.hpp"

#include <system_error>

namespace analytics::models {

ThreadPool::ThreadPool(int threads) {
    try {
        for (int i = 1; i < threads; ++i) {
            threads_.emplace_back([this] { work(); });
        }
    } catch (const std::system_error&) {  // the system has no more
    }
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    begin_.notify_all();
    for (auto& thread : threads_) {
        thread.join();
    }
}

void ThreadPool::run(std::size_t parts, const std::function<void(std::size_t)>& part) {
    if (threads_.empty() || parts <= 1) {
        for (std::size_t i = 0; i < parts; ++i) {
            part(i);
        }
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        part_ = &part;
        parts_ = parts;
        next_.store(0, std::memory_order_relaxed);
        busy_ = threads_.size();
        failure_ = nullptr;
        ++round_;
    }
    begin_.notify_all();
    take_parts();
    std::unique_lock lock(mutex_);
    end_.wait(lock, [this] { return busy_ == 0; });
    if (failure_ != nullptr) {
        std::rethrow_exception(failure_);
    }
}

void ThreadPool::work() {
    std::uint64_t seen = 0;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            begin_.wait(lock, [&] { return stop_ || round_ != seen; });
            if (stop_) {
                return;
            }
            seen = round_;
        }
        take_parts();
        const std::lock_guard lock(mutex_);
        if (--busy_ == 0) {
            end_.notify_one();
        }
    }
}

void ThreadPool::take_parts() {
    try {
        for (;;) {
            const std::size_t part = next_.fetch_add(1, std::memory_order_relaxed);
            if (part >= parts_) {
                return;
            }
            (*part_)(part);
        }
    } catch (...) {
        const std::lock_guard lock(mutex_);
        if (failure_ == nullptr) {
            failure_ = std::current_exception();
        }
        next_.store(parts_, std::memory_order_relaxed);
    }
}

}  // namespace analytics::models
