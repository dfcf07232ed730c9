// Which relationship an embedded relation means.
#pragma once

#include "core/rest/query.hpp"
#include "core/rest/schema.hpp"

#include <string>

namespace analytics::rest {

struct NoRelationship {
    Failure failure;
};

// By the target's name, its foreign key's or a column's, made precise by the hint. Throws NoRelationship where there is
// none (PGRST200) or more than one (PGRST201).
const Relationship& find_relationship(const Schema& schema, const Name& origin, const std::string& target,
                                      const std::string& hint);

}  // namespace analytics::rest
