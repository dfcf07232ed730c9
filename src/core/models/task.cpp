#include "core/models/task.hpp"

#include <utility>

#include "core/error.hpp"

namespace analytics::models {
namespace {

std::string in_kilobytes(std::size_t bytes) { return std::to_string((bytes + 1023) / 1024) + " kB"; }

}  // namespace

void Task::set_progress(std::string text) {
    const std::lock_guard lock(mutex_);
    progress_ = std::move(text);
    news_ = true;
}

bool Task::take_progress(std::string& text) {
    const std::lock_guard lock(mutex_);
    if (!news_) {
        return false;
    }
    text = progress_;
    news_ = false;
    return true;
}

void Task::require_memory(std::size_t bytes) const {
    if (bytes > memory_) {
        throw Error(Code::out_of_memory, "the model needs more memory than it may take")
            .detail("It needs " + in_kilobytes(bytes) + ", and may take " + in_kilobytes(memory_) + ".")
            .hint("Raise analytics.work_mem, or give it less data.");
    }
}

}  // namespace analytics::models
