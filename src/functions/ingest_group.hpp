// Several payloads stored together, each with its own report: what POST /api/ingest is made of.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::ingest {

struct GroupMember {
    std::string_view payload;
    std::string_view format;
    std::string_view store;
    std::optional<std::vector<std::string>> events;  // types allowed; nothing: all
    bool bound = false;                              // an event that names another store is a store_mismatch
};

// As ingest() returns it; or, with a SQLSTATE, why the payload could not be read at all.
struct GroupReply {
    std::int64_t accepted = 0;
    std::int64_t duplicates = 0;
    std::int64_t rejected = 0;
    std::string errors = "[]";
    std::string sqlstate;
    std::string message;
    std::string detail;
    std::string hint;
};

// In a transaction, with the rights of the extension's owner. One reply for each member, in order.
std::vector<GroupReply> ingest_group(std::span<const GroupMember> members);

}  // namespace analytics::ingest
