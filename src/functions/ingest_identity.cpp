#include "functions/ingest_identity.hpp"

#include <algorithm>
#include <limits>

namespace analytics::ingest {
namespace {

constexpr std::string_view kOrderPrefix = "purchase:";
// Lines of this revision stand for good: none could be told from them.
constexpr auto kLastRevision = std::numeric_limits<std::int32_t>::max();

// What one event asks of one key.
struct Request {
    KeyName name;
    std::size_t event;
    bool is_alias;
};

bool needs_alias(const Event& event) {
    return event.known_by_order() &&
           !(event.event_id.starts_with(kOrderPrefix) && event.event_id.substr(kOrderPrefix.size()) == *event.order_id);
}

void add_request(const std::vector<Event>& events, Plan& plan, Claim& claim, const Request& request) {
    if (request.is_alias) {
        if (!claim.is_alias() && claim.latest == Claim::kNone) {
            claim.alias_of = request.event;
        }
        return;
    }
    if (claim.latest == Claim::kNone || version_of(events[request.event]) > version_of(events[claim.latest])) {
        plan.lower[request.event] = claim.latest;
        claim.latest = request.event;
    }
}

}  // namespace

KeyName name_of(const Event& event) {
    return event.known_by_order() ? KeyName{event.store_id, *event.order_id, kOrderKind}
                                  : KeyName{event.store_id, event.event_id, kEventKind};
}

Plan make_plan(const std::vector<Event>& events, std::vector<Outcome> outcomes) {
    std::vector<Request> requests;
    requests.reserve(events.size() + events.size() / 4);
    for (std::size_t i = 0; i < events.size(); ++i) {
        if (outcomes[i] == Outcome::rejected) {
            continue;
        }
        requests.push_back({name_of(events[i]), i, false});
        if (needs_alias(events[i])) {
            requests.push_back({{events[i].store_id, events[i].event_id, kEventKind}, i, true});
        }
    }
    std::sort(requests.begin(), requests.end(), [](const Request& a, const Request& b) {
        const auto names = a.name <=> b.name;
        return names != 0 ? names < 0 : a.event < b.event;
    });

    Plan plan{.claims = {}, .outcomes = std::move(outcomes), .lower = std::vector(events.size(), Claim::kNone)};
    plan.claims.reserve(requests.size());
    for (const Request& request : requests) {
        if (plan.claims.empty() || plan.claims.back().name != request.name) {
            plan.claims.push_back({.name = request.name, .standing = {}});
        }
        add_request(events, plan, plan.claims.back(), request);
    }
    return plan;
}

void resolve(const std::vector<Event>& events, Plan& plan) {
    for (const Claim& claim : plan.claims) {
        if (claim.latest == Claim::kNone) {
            continue;  // nothing but an alias
        }
        const auto& standing = claim.standing;
        // duplicates, as every event is until it is found to count
        if (claim.is_new ? claim.is_alias() : !standing || standing->is_alias || standing->revision == kLastRevision) {
            continue;
        }
        for (std::size_t event = claim.latest; event != Claim::kNone; event = plan.lower[event]) {
            if (!claim.is_new && version_of(events[event]) <= standing->version) {
                break;
            }
            const bool is_first = claim.is_new && plan.lower[event] == Claim::kNone;
            plan.outcomes[event] = is_first ? Outcome::accepted : Outcome::supersedes;
        }
    }
}

void leave_standing(Plan& plan, const Claim& claim) {
    for (std::size_t event = claim.latest; event != Claim::kNone; event = plan.lower[event]) {
        plan.outcomes[event] = Outcome::duplicate;
    }
}

const Claim* find_claim(const Plan& plan, const KeyName& name) {
    const auto found = std::lower_bound(plan.claims.begin(), plan.claims.end(), name,
                                        [](const Claim& claim, const KeyName& wanted) { return claim.name < wanted; });
    return found != plan.claims.end() && found->name == name ? &*found : nullptr;
}

std::int32_t written_revision(const std::vector<Event>& events, const Claim& claim) {
    const std::int32_t sent = events[claim.latest].revision;
    if (!claim.standing) {
        return sent;
    }
    return std::max(sent, claim.standing->revision + 1);
}

}  // namespace analytics::ingest
