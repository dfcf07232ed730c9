// What a computation has taken of the memory that its task allows, where that is known only as it grows: arrays ask
// here before they do.
#pragma once

#include "core/no_postgres.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/models/task.hpp"

namespace analytics::models {

class MemoryBudget {
public:
    explicit MemoryBudget(Task& task) : task_(task) {}

    Task& task() const { return task_; }
    std::size_t used() const { return used_; }

    // Throws Error out_of_memory when there is not that much left.
    void take(std::size_t bytes) {
        task_.require_memory(used_ + bytes);
        used_ += bytes;
    }

    // While an array moves there are two of it: both must fit.
    template <typename T>
    void reserve(std::vector<T>& array, std::size_t size) {
        const std::size_t old = array.capacity();
        if (size > old) {
            take(size * sizeof(T));
            array.reserve(size);
            used_ -= old * sizeof(T);
        }
    }

    template <typename T>
    void resize(std::vector<T>& array, std::size_t size, const T& value) {
        reserve(array, size);
        array.resize(size, value);
    }

    // Before it goes.
    template <typename T>
    void give_back(const std::vector<T>& array) {
        used_ -= array.capacity() * sizeof(T);
    }

    template <typename T>
    void push(std::vector<T>& array, const T& value) {
        if (array.size() == array.capacity()) [[unlikely]] {
            reserve(array, std::max<std::size_t>(16, array.size() * 2));
        }
        array.push_back(value);
    }

private:
    Task& task_;
    std::size_t used_ = 0;
};

}  // namespace analytics::models
