// What merge_cells() needs of the library's entry.
#pragma once

namespace analytics::cell_pass {

void define_memory_setting();

}  // namespace analytics::cell_pass
