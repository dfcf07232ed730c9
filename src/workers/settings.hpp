// The settings of the workers. Units stand in their help; all follow a reload of the configuration.
#pragma once

#include <optional>

#include "workers/headers.hpp"

namespace analytics::workers {

void define_settings();

// How long the refresh worker waits when there is nothing left to merge, in milliseconds.
int refresh_interval();

// When the nightly worker is to start, in seconds from midnight of the setting TimeZone; none: it is not to.
std::optional<int> models_at();

// The names in analytics.databases, allocated in the current context; NIL: all databases.
List* listed_databases();

}  // namespace analytics::workers
