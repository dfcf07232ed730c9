// Files that are served as they are. CMake writes them into the library.
#pragma once

#include <string_view>

namespace analytics::workers {

extern const std::string_view kTrackerScript;  // GET /analytics.js

}  // namespace analytics::workers
