// Long computations of the core: on threads of their own, while the backend waits for them and listens to interrupts.
//
//     const auto result = pg::in_background([&](models::Task& task) { return models::kmeans(points, options, task); });
//
// The threads have all signals blocked and never touch PostgreSQL: the computation is core code on plain values, which
// stay where they are until it has ended. How far it is stands in pg_stat_activity.query meanwhile. A cancel, a
// timeout, a termination or the postmaster's death tell it to stop, wait until it has (Task::stop_if_cancelled), and go
// on. What it throws is thrown here.
#pragma once

#include "core/models/task.hpp"

#include <functional>
#include <optional>
#include <utility>

namespace analytics::pg {

// The task has analytics.max_threads and analytics.work_mem.
void run_in_background(const std::function<void(models::Task&)>& work);

template <typename Work>
auto in_background(Work&& work) {
    std::optional<decltype(work(std::declval<models::Task&>()))> result;
    run_in_background([&](models::Task& task) { result.emplace(work(task)); });
    return std::move(*result);
}

}  // namespace analytics::pg
