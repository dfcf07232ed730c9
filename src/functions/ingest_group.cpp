// The simplest form: analytics.ingest() for each member, in a subtransaction of its own. It looks at no member's
// `events` and `bound` yet.

#include "functions/ingest_group.hpp"

#include <array>

#include "pg/spi.hpp"

namespace analytics::ingest {
namespace {

constexpr std::array<Oid, 3> kTypes = {TEXTOID, TEXTOID, TEXTOID};
pg::Statement ingest_one("SELECT accepted, duplicates, rejected, errors::text FROM analytics.ingest($1, $2, $3)",
                         kTypes);

std::string text_of(const char* text) { return text == nullptr ? std::string() : std::string(text); }

GroupReply ingest_member(const GroupMember& member) {
    const pg::Connection connection;
    std::array<Datum, 3> values{};
    pg::protect([&] {
        values = {pg::text_datum(member.payload), pg::text_datum(member.format), pg::text_datum(member.store)};
    });
    const pg::Result rows = ingest_one.execute({values[0], values[1], values[2]});
    GroupReply reply;
    reply.accepted = rows[0].int8(1);
    reply.duplicates = rows[0].int8(2);
    reply.rejected = rows[0].int8(3);
    reply.errors = rows[0].text(4);
    return reply;
}

bool is_about_the_payload(int sqlstate) {
    return sqlstate == ERRCODE_INVALID_TEXT_REPRESENTATION || sqlstate == ERRCODE_INVALID_PARAMETER_VALUE ||
           sqlstate == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
}

}  // namespace

std::vector<GroupReply> ingest_group(std::span<const GroupMember> members) {
    std::vector<GroupReply> replies;
    for (const GroupMember& member : members) {
        MemoryContext const memory = CurrentMemoryContext;
        ResourceOwner const owner = CurrentResourceOwner;
        pg::protect([] { BeginInternalSubTransaction(nullptr); });
        MemoryContextSwitchTo(memory);
        GroupReply reply;
        try {
            reply = ingest_member(member);
            pg::protect([] { ReleaseCurrentSubTransaction(); });
        } catch (const pg::Error& error) {
            if (!is_about_the_payload(error.sqlstate())) {
                throw;
            }
            reply.sqlstate = unpack_sql_state(error.sqlstate());
            reply.message = text_of(error.data()->message);
            reply.detail = text_of(error.data()->detail);
            reply.hint = text_of(error.data()->hint);
            pg::protect([] { RollbackAndReleaseCurrentSubTransaction(); });
        }
        MemoryContextSwitchTo(memory);
        CurrentResourceOwner = owner;
        replies.push_back(std::move(reply));
    }
    return replies;
}

}  // namespace analytics::ingest
