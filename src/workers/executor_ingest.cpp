#include "workers/executor_ingest.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "core/http/compression.hpp"
#include "core/http/digest.hpp"
#include "core/http/errors.hpp"
#include "functions/ingest_group.hpp"
#include "workers/http_settings.hpp"
#include "workers/ingest_keys.hpp"
#include "workers/request_role.hpp"
#include "workers/transaction.hpp"

namespace analytics::workers {
namespace {

constexpr const char* kActivity = "POST /api/ingest";
constexpr const char* kLockTimeout = "50ms";

// One body on its way to its answer.
struct Member {
    const http::Ingest* ingest;
    http::Answer answer;
    bool answered = false;
    std::string unpacked;  // where it came compressed
    std::optional<IngestKey> key;

    std::string_view body() const { return ingest->gzipped ? std::string_view(unpacked) : ingest->body; }
    void reply(http::Response response) {
        answer.response = std::move(response);
        answered = true;
    }
};

http::Response of_error(const SqlError& error) {
    http::Response response = http::error_response(http::status_of(error.sqlstate, false), error.sqlstate,
                                                   error.message, error.detail, error.hint);
    if (response.status == 503) {
        response.fields.add("Retry-After", "1");
    }
    return response;
}

// Who met somebody's lock goes back to the gateway, which tries again.
void reply_failed(Member& member, const SqlError& error) {
    member.answer.again = error.sqlstate == "55P03" || error.sqlstate == "40P01" || error.sqlstate == "40001";
    member.reply(of_error(error));
}

void unpack(Member& member) {
    const std::size_t limit = http_max_body();
    switch (member.ingest->gzipped ? http::gunzip(member.ingest->body, limit, member.unpacked) : http::Gunzip::done) {
        case http::Gunzip::done:
            break;
        case http::Gunzip::broken:
            member.reply(http::error_response(400, "bad_gzip", "the body is not gzip as Content-Encoding says", {},
                                              "Compress it anew, or leave out Content-Encoding."));
            return;
        case http::Gunzip::too_large:
            member.reply(http::error_response(413, "body_too_large", "the body is too large when it is unpacked",
                                              "Limit: " + std::to_string(limit) + " bytes (analytics.http_max_body).",
                                              "Send it in smaller parts."));
            return;
    }
    if (member.body().find_first_not_of(" \t\r\n") == std::string_view::npos) {
        member.reply(http::error_response(400, "22P02", "the body is empty", {},
                                          "Send one JSON object, an array of objects, or one object a line."));
    }
}

bool is_signed(const IngestKey& key, const Member& member) {
    const std::string& signature = member.ingest->shopify.empty() ? member.ingest->woocommerce : member.ingest->shopify;
    return http::equal_secrets(signature, http::base64(http::hmac_sha256(key.webhook_secret, member.body())));
}

void check_key(Member& member, TimestampTz now) {
    if (member.ingest->open) {
        return;
    }
    const IngestKey* const key = find_ingest_key(member.ingest->key_hash, now);
    if (key == nullptr) {
        member.reply(http::error_response(
            401, "unknown_key", "the key is not known", {},
            "SELECT analytics.create_ingest_key(name) makes one, in the database that HTTP serves."));
    } else if (key->revoked) {
        member.reply(http::error_response(403, "revoked_key", "the key was revoked", {},
                                          "SELECT analytics.create_ingest_key(name) makes another one."));
    } else if (!key->webhook_secret.empty() && !is_signed(*key, member)) {
        member.reply(http::error_response(401, "bad_signature", "the signature of the webhook is missing or wrong", {},
                                          "X-Shopify-Hmac-Sha256 or X-WC-Webhook-Signature must be the base64 of the "
                                          "body's HMAC-SHA-256 under the key's "
                                          "webhook_secret."));
    } else {
        member.key = *key;
        member.answer.rate = key->rate;
    }
}

void append_report(std::string& body, const ingest::Report& report) {
    body += "{\"accepted\":" + std::to_string(report.accepted) +
            ",\"duplicates\":" + std::to_string(report.duplicates) +
            ",\"rejected\":" + std::to_string(report.rejected) + ",\"errors\":[";
    for (const ingest::ListedError& error : report.errors) {
        body += body.back() == '[' ? "" : ",";
        body += "{\"index\":" + std::to_string(error.index);
        if (error.event_id) {
            body += ",\"event_id\":";
            http::append_json(body, *error.event_id);
        }
        for (const auto& [name, value] : {std::pair("code", &error.code), std::pair("pointer", &error.pointer),
                                          std::pair("message", &error.message)}) {
            body.append(",\"").append(name).append("\":");
            http::append_json(body, *value);
        }
        body += '}';
    }
    body += "]}";
}

void reply_from(Member& member, const ingest::GroupReply& reply) {
    if (reply.refusal) {
        const ingest::Refusal& refusal = *reply.refusal;
        member.reply(of_error({unpack_sql_state(refusal.sqlstate), refusal.message, refusal.detail, refusal.hint}));
        return;
    }
    const ingest::Report& report = reply.report;
    http::Response response;
    response.status = report.rejected == 0 ? 200 : report.accepted + report.duplicates > 0 ? 207 : 422;
    response.fields.add("Content-Type", "application/json; charset=utf-8");
    append_report(response.body, report);
    member.reply(std::move(response));
    member.answer.events = report.accepted + report.duplicates + report.rejected;
}

void check_remaining(std::vector<Member>& members, TimestampTz now) {
    for (Member& member : members) {
        if (!member.answered) {
            check_key(member, now);
        }
    }
}

// Looks at all keys, in one transaction where one of them is not remembered.
void check_keys(std::vector<Member>& members) {
    const TimestampTz now = GetCurrentTimestamp();
    if (std::all_of(members.begin(), members.end(), [now](const Member& member) {
            return member.answered || member.ingest->open || remembers_ingest_key(member.ingest->key_hash, now);
        })) {
        check_remaining(members, now);
        return;
    }
    const auto error = run_transaction({kActivity, http_statement_timeout()}, [&] {
        Disguise owner = Disguise::owner();
        limit_lock_waits(kLockTimeout);
        check_remaining(members, now);
        owner.take_off();
    });
    for (Member& member : members) {
        if (error && !member.answered) {
            reply_failed(member, *error);
        }
    }
}

// An answer says that it is on disk. To be said after the disguise is off, which takes its settings along.
void commit_to_disk() {
    pg::protect([] {
        if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF) {
            set_config_option("synchronous_commit", "local", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                              false);
        }
    });
}

// All of these members in one transaction; nothing is answered where it fails.
std::optional<SqlError> store(std::span<Member*> members, std::atomic<bool>& committing) {
    std::vector<ingest::GroupMember> group;
    for (const Member* member : members) {
        const bool bound = member->key.has_value();
        group.push_back({member->body(), member->ingest->format, bound ? member->key->store : member->ingest->store,
                         bound ? member->key->events : std::nullopt, bound});
    }
    std::vector<ingest::GroupReply> replies;
    const auto error = run_transaction({kActivity, http_statement_timeout()}, [&] {
        Disguise owner = Disguise::owner();
        limit_lock_waits(kLockTimeout);
        replies = ingest::ingest_group(group);
        owner.take_off();
        commit_to_disk();
        committing = true;
    });
    if (!error) {
        for (std::size_t i = 0; i < members.size(); ++i) {
            reply_from(*members[i], replies[i]);
        }
    }
    return error;
}

void store_alone(Member& member, std::atomic<bool>& committing) {
    Member* only = &member;
    const auto error = store({&only, 1}, committing);
    if (error) {
        reply_failed(member, *error);
    }
}

}  // namespace

std::vector<http::Answer> serve_ingests(const std::vector<http::Ingest>& ingests, std::atomic<bool>& committing) {
    std::vector<Member> members;
    members.reserve(ingests.size());
    for (const http::Ingest& ingest : ingests) {
        Member& member = members.emplace_back();
        member.ingest = &ingest;
        member.answer.id = ingest.id;
    }
    for (Member& member : members) {
        unpack(member);
    }
    check_keys(members);
    std::vector<Member*> left;
    for (Member& member : members) {
        if (!member.answered) {
            left.push_back(&member);
        }
    }
    if (!left.empty() && (left.size() == 1 || store(left, committing))) {
        for (Member* member : left) {
            store_alone(*member, committing);
        }
    }
    std::vector<http::Answer> answers;
    answers.reserve(members.size());
    for (Member& member : members) {
        answers.push_back(std::move(member.answer));
    }
    return answers;
}

}  // namespace analytics::workers
