#include "pg/model_settings.hpp"

#include <algorithm>
#include <thread>

#include "pg/headers.hpp"

namespace analytics::pg {
namespace {

constexpr int kMostThreads = 64;

int threads_setting = 0;
int memory_setting = 0;
int cache_setting = 0;

// 1 where the system does not tell.
int processors() { return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostThreads); }

}  // namespace

void define_model_settings() {
    DefineCustomIntVariable("analytics.max_threads", "Threads that the computation of a model may use.",
                            "Its result does not depend on it. The default is the number of processors.",
                            &threads_setting, processors(), 1, kMostThreads, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("analytics.work_mem", "Memory that the computation of a model may take.",
                            "One that needs more is refused before it begins. Without a unit: kilobytes.",
                            &memory_setting, 256 << 10, 64, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("analytics.model_cache", "Memory in which a process keeps what recommends products.",
                            "A recommender that does not fit is read anew by each call. Without a unit: kilobytes.",
                            &cache_setting, 256 << 10, 0, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, nullptr, nullptr,
                            nullptr);
}

int max_threads() { return threads_setting; }

std::size_t model_memory() { return static_cast<std::size_t>(memory_setting) * 1024; }

std::size_t model_cache() { return static_cast<std::size_t>(cache_setting) * 1024; }

}  // namespace analytics::pg
