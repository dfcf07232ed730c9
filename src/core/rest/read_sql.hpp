// A planned query as SQL.
#pragma once

#include "core/rest/plan.hpp"
#include "core/rest/sql_text.hpp"

namespace analytics::rest {

// SELECT of the rows asked for, one column for each item. Reads pgrst_source where the node says so.
void write_read(SqlText& sql, const ReadNode& node);

// SELECT 1 for each row that the conditions leave, whatever the limits are.
void write_count(SqlText& sql, const ReadNode& node);

// A condition on rows of the node (without an alias: by bare names of columns).
void write_condition(SqlText& sql, const Condition& condition, const ReadNode& node);

// A column, or a place inside of it.
void write_field(SqlText& sql, const Field& field, const ReadNode& node);

}  // namespace analytics::rest
