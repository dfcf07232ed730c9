// The schema cache of an executor: what the catalogs say of the schemas that are served, read again when they changed.
#pragma once

#include <string>
#include <vector>

#include "core/rest/schema.hpp"

namespace analytics::workers {

// In a transaction, before it becomes the requester: the catalogs are read by the authenticator. Valid until the next
// call. Comments change without an invalidation: who shows them has the catalogs looked at.
const rest::Schema& current_schema(const std::vector<std::string>& served, bool with_comments = false);

}  // namespace analytics::workers
