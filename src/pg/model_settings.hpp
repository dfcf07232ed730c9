// What the computation of a model may take.
#pragma once

#include <cstddef>

namespace analytics::pg {

void define_model_settings();

// Threads that compute at a time, 1 to 64.
int max_threads();

// Bytes.
std::size_t model_memory();

// Bytes that recommenders may keep between calls, in this process.
std::size_t model_cache();

}  // namespace analytics::pg
