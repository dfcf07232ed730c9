// Files that are served as they are, as scripts/embed_files.py writes them into the library: compressed and named by
// their contents when it is built, so that answering costs nothing but the bytes.
#pragma once

#include <span>
#include <string_view>

namespace analytics::workers {

struct ServedFile {
    std::string_view path;  // of the request
    std::string_view type;  // Content-Type
    std::string_view tag;   // ETag
    std::string_view plain;
    std::string_view packed;  // by gzip; empty where that saves nothing
};

extern const ServedFile kTrackerScript;

// The dashboard: its document at "/", then what that loads. Empty where it was left out of the build.
extern const std::span<const ServedFile> kDashboardFiles;

}  // namespace analytics::workers
