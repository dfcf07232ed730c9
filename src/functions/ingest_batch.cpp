#include "functions/ingest_batch.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "functions/ingest_keys.hpp"
#include "functions/ingest_lines.hpp"
#include "functions/ingest_refunds.hpp"
#include "functions/ingest_writer.hpp"

namespace analytics::ingest {
namespace {

void reject(EventBatch& batch, const Surroundings& surroundings, const Event& event, std::string code,
            std::string message) {
    Rejection rejection;
    rejection.index = event.index;
    if (!surroundings.made(event.event_id)) {
        rejection.event_id = event.event_id;
    }
    rejection.store_id = event.store_id;
    rejection.code = std::move(code);
    rejection.pointer = "/order_id";
    rejection.message = std::move(message);
    rejection.source = event.source;
    const auto place = std::upper_bound(batch.rejections.begin(), batch.rejections.end(), rejection.index,
                                        [](std::size_t index, const Rejection& other) { return index < other.index; });
    batch.rejections.insert(place, std::move(rejection));
}

// The plan of a batch, its full refunds of unknown orders rejected.
Plan plan_batch(EventBatch& batch, const Surroundings& surroundings, pg::Access access) {
    auto outcomes = reject_unknown_orders(batch.events, access);
    for (std::size_t i = 0; i < batch.events.size(); ++i) {
        if (outcomes[i] == Outcome::rejected) {
            reject(batch, surroundings, batch.events[i], "unknown_order",
                   "order_id names no order that is known; send the purchase first, then replay this");
        }
    }
    return make_plan(batch.events, std::move(outcomes));
}

// Claims of names that were there before and may have to give way.
std::vector<Claim*> challenged_claims(const EventBatch& batch, Plan& plan) {
    std::vector<Claim*> challenged;
    for (Claim& claim : plan.claims) {
        if (!claim.is_new && claim.latest != Claim::kNone && version_of(batch.events[claim.latest]).can_supersede()) {
            challenged.push_back(&claim);
        }
    }
    return challenged;
}

// Locks, in one statement, what stands of the challenged claims and of the orders; sets the claims' standing and
// returns the orders'.
std::vector<std::optional<StandingKey>> lock_standing(const std::vector<Claim*>& challenged,
                                                      const std::vector<KeyName>& orders) {
    std::vector<KeyName> names = orders;
    for (const Claim* claim : challenged) {
        names.push_back(claim->name);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());

    const auto found = lock_keys(names);
    const auto of = [&](const KeyName& name) {
        return found[static_cast<std::size_t>(std::lower_bound(names.begin(), names.end(), name) - names.begin())];
    };
    for (Claim* claim : challenged) {
        claim->standing = of(claim->name);
    }
    std::vector<std::optional<StandingKey>> standing;
    std::transform(orders.begin(), orders.end(), std::back_inserter(standing), of);
    return standing;
}

// Looks up what stands of every claim, and by that which are new.
void look_up_standing(Plan& plan, pg::Access access) {
    std::vector<KeyName> names;
    names.reserve(plan.claims.size());
    for (const Claim& claim : plan.claims) {
        names.push_back(claim.name);
    }
    auto found = look_up_keys(names, access);
    for (std::size_t i = 0; i < names.size(); ++i) {
        plan.claims[i].is_new = !found[i].has_value();
        plan.claims[i].standing = std::move(found[i]);
    }
}

// The claims whose standing lines the plan replaces.
std::vector<const Claim*> replaced_claims(const Plan& plan) {
    std::vector<const Claim*> replaced;
    for (const Claim& claim : plan.claims) {
        if (plan.writes(claim) && claim.standing && claim.standing->lines > 0) {
            replaced.push_back(&claim);
        }
    }
    return replaced;
}

StandingLines read_replaced(const std::vector<const Claim*>& replaced, pg::Access access) {
    std::vector<StandingVersion> versions;
    versions.reserve(replaced.size());
    for (const Claim* claim : replaced) {
        versions.push_back({claim->name, &*claim->standing});
    }
    return {versions, access};
}

// Gives up replacing versions whose lines are not all there.
void keep_incomplete(Plan& plan, const std::vector<const Claim*>& replaced, const StandingLines& lines) {
    for (std::size_t i = 0; i < replaced.size(); ++i) {
        if (lines.count(i) != static_cast<std::size_t>(replaced[i]->standing->lines)) {
            leave_standing(plan, *replaced[i]);
        }
    }
}

// Fills full refunds; those that fail are rejected, and what they claimed is given up.
std::vector<KeyName> settle_full_refunds(EventBatch& batch, const Surroundings& surroundings, Plan& plan,
                                         const std::vector<KeyName>& orders,
                                         const std::vector<std::optional<StandingKey>>& standing, pg::Access access) {
    std::vector<KeyName> released;
    for (FailedRefund& failed : fill_full_refunds(batch, plan, orders, standing, access)) {
        const Event& event = batch.events[failed.event];
        const Claim* const claim = find_claim(plan, name_of(event));
        if (claim->is_new) {
            released.push_back(claim->name);
        }
        leave_standing(plan, *claim);
        plan.outcomes[failed.event] = Outcome::rejected;
        reject(batch, surroundings, event, "out_of_range", std::move(failed.message));
    }
    std::sort(released.begin(), released.end());
    return released;
}

void write_lines(const EventBatch& batch, const Plan& plan, const std::vector<const Claim*>& replaced,
                 const StandingLines& old_lines) {
    std::vector<TakenBackLine> taken_back;
    for (std::size_t i = 0; i < replaced.size(); ++i) {
        for (std::size_t line = 0; plan.writes(*replaced[i]) && line < old_lines.count(i); ++line) {
            const pg::Row row = old_lines.row(i, line);
            taken_back.push_back({StandingLines::partition(row), row.tuple(), row.columns()});
        }
    }
    std::vector<NewLine> fresh;
    for (const Claim& claim : plan.claims) {
        if (plan.writes(claim)) {
            const Event& event = batch.events[claim.latest];
            for (const EventLine& line : event.lines) {
                fresh.push_back({&event, &line, written_revision(batch.events, claim)});
            }
        }
    }
    if (taken_back.empty() && fresh.empty()) {
        return;
    }
    std::stable_sort(taken_back.begin(), taken_back.end(),
                     [](const TakenBackLine& a, const TakenBackLine& b) { return a.partition < b.partition; });
    EventWriter writer;
    writer.take_back(taken_back);
    writer.write(fresh);
    writer.finish();
}

// Brings the keys up to what is about to be written, where phase 1 could not say it.
void change_written_keys(const EventBatch& batch, const Plan& plan) {
    std::vector<KeyChange> changes;
    for (const Claim& claim : plan.claims) {
        if (plan.writes(claim) && (claim.standing || is_full_refund(batch.events[claim.latest]))) {
            changes.push_back({claim.name, &batch.events[claim.latest], written_revision(batch.events, claim)});
        }
    }
    change_keys(changes);
}

}  // namespace

Plan store_batch(EventBatch& batch, const Surroundings& surroundings) {
    if (batch.events.empty()) {
        return {};
    }
    lock_event();
    Plan plan = plan_batch(batch, surroundings, pg::Access::write);
    pg::check_for_interrupts();
    claim_keys(batch.events, plan);

    const auto challenged = challenged_claims(batch, plan);
    const auto orders = refunded_orders(batch.events, plan);
    const auto standing_orders = lock_standing(challenged, orders);
    resolve(batch.events, plan);
    const auto replaced = replaced_claims(plan);
    const StandingLines old_lines = read_replaced(replaced, pg::Access::write);
    keep_incomplete(plan, replaced, old_lines);
    const auto released = settle_full_refunds(batch, surroundings, plan, orders, standing_orders, pg::Access::write);
    pg::check_for_interrupts();

    release_keys(released);
    touch_keys(orders);
    change_written_keys(batch, plan);
    write_lines(batch, plan, replaced, old_lines);
    return plan;
}

Plan preview_batch(EventBatch& batch, const Surroundings& surroundings) {
    constexpr auto kAccess = pg::Access::read_only;
    Plan plan = plan_batch(batch, surroundings, kAccess);
    look_up_standing(plan, kAccess);
    const auto orders = refunded_orders(batch.events, plan);
    const auto standing_orders = look_up_keys(orders, kAccess);
    resolve(batch.events, plan);
    const auto replaced = replaced_claims(plan);
    keep_incomplete(plan, replaced, read_replaced(replaced, kAccess));
    settle_full_refunds(batch, surroundings, plan, orders, standing_orders, kAccess);
    return plan;
}

Report report_on(std::span<const Outcome> outcomes, std::span<const Rejection> rejections, std::size_t first_index) {
    Report report;
    for (const Outcome outcome : outcomes) {
        report.accepted += counts(outcome) ? 1 : 0;
        report.duplicates += outcome == Outcome::duplicate ? 1 : 0;
    }
    report.rejected = static_cast<std::int64_t>(rejections.size());
    const auto listed = rejections.first(std::min(rejections.size(), kListedErrors));
    report.errors.reserve(listed.size());
    for (const Rejection& rejection : listed) {
        report.errors.push_back({.index = rejection.index - first_index,
                                 .event_id = {},
                                 .code = rejection.code,
                                 .pointer = rejection.pointer,
                                 .message = rejection.message});
        if (rejection.event_id) {
            report.errors.back().event_id.emplace(*rejection.event_id);
        }
    }
    return report;
}

Report report_on(const EventBatch& batch, const Plan& plan) { return report_on(plan.outcomes, batch.rejections, 0); }

}  // namespace analytics::ingest
