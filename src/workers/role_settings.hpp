// What is set for a request's role (ALTER ROLE ... SET, ALTER ROLE ... IN DATABASE ... SET): a login would have it, to
// SET ROLE it means nothing.
#pragma once

#include "workers/headers.hpp"

#include <string>

namespace analytics::workers {

enum class SearchPath { ours, of_role };

// Applies it for the rest of the transaction, or up to the end of the innermost level of settings. As the login, before
// the role is taken: what takes a privilege to set (GRANT SET ON PARAMETER) takes the login's, and is left out without
// it. `ours`: whatever search path the role may have is left out.
void apply_role_settings(const std::string& role, SearchPath path);

}  // namespace analytics::workers
