// The library's entry: the magic block and what is done when a process loads it.

#include "functions/merge_cells.hpp"
#include "pg/guard.hpp"
#include "pg/model_settings.hpp"
#include "workers/http_settings.hpp"
#include "workers/launcher.hpp"
#include "workers/settings.hpp"

extern "C" {

PG_MODULE_MAGIC;

ANALYTICS_EXPORT void _PG_init(void);

void _PG_init(void) {
    analytics::cell_pass::define_memory_setting();
    analytics::pg::define_model_settings();
    analytics::workers::define_settings();
    analytics::workers::define_http_settings();
    MarkGUCPrefixReserved("analytics");
    if (process_shared_preload_libraries_in_progress) {
        analytics::workers::register_launcher();
    }
}
}
