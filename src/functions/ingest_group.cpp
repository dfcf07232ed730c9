#include "functions/ingest_group.hpp"

#include "core/error.hpp"
#include "core/event_error.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <utility>

#include "functions/ingest_arguments.hpp"
#include "functions/ingest_batch.hpp"
#include "pg/errors.hpp"
#include "pg/spi.hpp"

namespace analytics::ingest {
namespace {

// Where a member's events and rejections are in the group's batch.
struct Part {
    std::size_t first_index = 0;  // of those that its values have in the batch
    std::size_t values = 0;
    std::size_t first_event = 0;
    std::size_t events = 0;
};

// The members' payloads as one batch.
struct Group {
    EventBatch batch;
    std::deque<EventBatch> read;  // hold the texts
    std::vector<Part> parts;
};

EventBatch read_member(const GroupMember& member, Surroundings& surroundings, std::optional<Refusal>& refusal) {
    try {
        const std::string store = checked_store(member.store);
        const Format format = parse_format(member.format);
        refusal = surroundings.refusal(store);
        if (!refusal) {
            return surroundings.parse(member.payload, format,
                                      {.store = member.store,
                                       .store_is_bound = member.store_is_bound,
                                       .event_types = member.event_types ? &*member.event_types : nullptr});
        }
    } catch (const Error& error) {
        if (error.code() == Code::internal) {
            throw;
        }
        refusal = Refusal{pg::sqlstate_of(error.code()), error.what(), error.detail(), error.hint()};
    }
    return {};
}

// Moves what was read to the end of the batch, numbered on; its texts stay where they are.
Part add_member(EventBatch& read, std::size_t first_index, EventBatch& batch) {
    Part part{
        .first_index = first_index, .values = 0, .first_event = batch.events.size(), .events = read.events.size()};
    part.values = read.events.size() + read.rejections.size();  // each value is one or the other
    for (Event& event : read.events) {
        event.index += first_index;
        batch.events.push_back(std::move(event));
    }
    for (Rejection& rejection : read.rejections) {
        rejection.index += first_index;
        batch.rejections.push_back(std::move(rejection));
    }
    return part;
}

Group read_group(std::span<const GroupMember> members, Surroundings& surroundings, std::vector<GroupReply>& replies) {
    Group group;
    group.parts.reserve(members.size());
    std::size_t next_index = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
        EventBatch& read = group.read.emplace_back(read_member(members[i], surroundings, replies[i].refusal));
        group.parts.push_back(add_member(read, next_index, group.batch));
        next_index += group.parts.back().values;
        pg::check_for_interrupts();
    }
    surroundings.name_visitors(group.batch);
    return group;
}

// The rejections of a part, which are in order of index.
std::span<const Rejection> rejections_of(const EventBatch& batch, const Part& part) {
    const auto at = [&](std::size_t index) {
        return std::lower_bound(
            batch.rejections.begin(), batch.rejections.end(), index,
            [](const Rejection& rejection, std::size_t wanted) { return rejection.index < wanted; });
    };
    return {at(part.first_index), at(part.first_index + part.values)};
}

// A key's events of another store or kind: what the key is for, not what is wrong with them.
bool is_out_of_bounds(const GroupMember& member, const Rejection& rejection) {
    return rejection.code == reject::kEventNotAllowed ||
           (member.store_is_bound && rejection.code == reject::kStoreMismatch);
}

void store_group_rejections(std::span<const GroupMember> members, const Group& group) {
    std::vector<SentRejection> sent;
    sent.reserve(group.batch.rejections.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
        for (const Rejection& rejection : rejections_of(group.batch, group.parts[i])) {
            sent.push_back({.rejection = &rejection,
                            .index = rejection.index - group.parts[i].first_index,
                            .store = members[i].store,
                            .format = members[i].format,
                            .is_out_of_bounds = is_out_of_bounds(members[i], rejection)});
        }
    }
    store_rejections(sent);
}

}  // namespace

std::vector<GroupReply> ingest_group(std::span<const GroupMember> members) {
    require_utf8();
    std::vector<GroupReply> replies(members.size());
    const pg::Connection connection;
    Surroundings surroundings;
    Group group = read_group(members, surroundings, replies);
    const Plan plan = store_batch(group.batch, surroundings);
    store_group_rejections(members, group);
    for (std::size_t i = 0; i < members.size(); ++i) {
        const Part& part = group.parts[i];
        replies[i].report = report_on(std::span(plan.outcomes).subspan(part.first_event, part.events),
                                      rejections_of(group.batch, part), part.first_index);
    }
    return replies;
}

}  // namespace analytics::ingest
