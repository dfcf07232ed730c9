// The core stands alone: a source file that has seen a PostgreSQL header may not be one of its own.
#pragma once

#if defined(POSTGRES_H) && !defined(ANALYTICS_SHELL)
#error "src/core may not include PostgreSQL headers; put the code into src/pg, src/functions or src/workers"
#endif
