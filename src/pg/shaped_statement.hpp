// Statements whose text is made at run time and whose values are text: each $n takes the type that its place has, as a
// literal in quotes would. Plans are kept by the current user and the statement's text, so that a role's requests of
// one shape share one.
#pragma once

#include <string>
#include <vector>

#include "pg/spi.hpp"

extern "C" {
#include "tcop/dest.h"
}

namespace analytics::pg {

// Needs an open Connection. Values are UTF-8 without NUL.
Result run_shaped(const std::string& sql, const std::vector<std::string>& values);

// The same, but each row goes to the receiver as it is found, and none is kept. The receiver may raise errors, but
// throw nothing.
void run_shaped(const std::string& sql, const std::vector<std::string>& values, DestReceiver* receiver);

// Drops the plans kept. To be called when types may have changed: a plan is made anew by itself, but for values of the
// types that it found first.
void forget_shaped();

}  // namespace analytics::pg
