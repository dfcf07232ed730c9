// What long computations are built on: the threads that share out a loop, and the task that can be told to stop.
#include "core/models/task.hpp"
#include "core/models/thread_pool.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace analytics::models {
namespace {

TEST(ThreadPool, each_part_is_done_once_however_many_threads_there_are) {
    for (const int threads : {1, 2, 3, 8}) {
        ThreadPool pool(threads);
        for (const std::size_t parts : {0, 1, 2, 7, 1000}) {
            std::vector<std::atomic<int>> times(parts);
            pool.run(parts, [&](std::size_t part) { ++times[part]; });
            for (const auto& each : times) {
                EXPECT_EQ(each, 1) << threads << " threads, " << parts << " parts";
            }
        }
    }
}

TEST(ThreadPool, a_part_that_fails_fails_the_loop_and_the_next_loop_is_whole) {
    for (const int threads : {1, 4}) {
        ThreadPool pool(threads);
        const auto failing = [](std::size_t part) {
            if (part == 5) {
                throw std::runtime_error("part 5");
            }
        };
        EXPECT_THROW(pool.run(100, failing), std::runtime_error);
        std::atomic<int> done = 0;
        pool.run(100, [&](std::size_t) { ++done; });
        EXPECT_EQ(done, 100);
    }
}

TEST(ThreadPool, the_rest_of_a_cancelled_loop_is_left_out) {
    ThreadPool pool(2);
    Task task(2, 0);
    std::atomic<int> done = 0;
    const auto part = [&](std::size_t) {
        task.stop_if_cancelled();
        ++done;
        task.cancel();
    };
    EXPECT_THROW(pool.run(100000, part), Cancelled);
    EXPECT_LE(done, 2);
}

TEST(Task, progress_is_news_once) {
    Task task(1, 0);
    std::string text = "old";
    EXPECT_FALSE(task.take_progress(text));
    task.set_progress("iteration 1");
    task.set_progress("iteration 2");
    EXPECT_TRUE(task.take_progress(text));
    EXPECT_EQ(text, "iteration 2");
    EXPECT_FALSE(task.take_progress(text));
    EXPECT_EQ(text, "iteration 2");
}

TEST(Task, too_much_memory_is_refused_with_the_name_of_the_setting) {
    const Task task(1, 2048);
    EXPECT_NO_THROW(task.require_memory(2048));
    try {
        task.require_memory(2049);
        FAIL() << "2049 bytes of 2048 were allowed";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::out_of_memory);
        EXPECT_EQ(error.detail(), "It needs 3 kB, and may take 2 kB.");
        EXPECT_NE(error.hint().find("analytics.work_mem"), std::string::npos);
    }
}

}  // namespace
}  // namespace analytics::models
