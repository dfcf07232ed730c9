// Ingesting for POST /api/ingest: keys, signatures, and one transaction for a whole group of bodies.
//
// A group meets no lock for longer than 50 ms: then, and after any other error, it is rolled back and each body is
// tried in a transaction of its own; one that meets a lock again goes back to the gateway (Answer::again), which tries
// it later. So nobody's lock holds an executor.
#pragma once

#include "core/http/wire.hpp"

#include <atomic>
#include <vector>

namespace analytics::workers {

// `committing` is set when what follows may be stored: from then on a task must not simply be given to another
// executor.
std::vector<http::Answer> serve_ingests(const std::vector<http::Ingest>& ingests, std::atomic<bool>& committing);

}  // namespace analytics::workers
