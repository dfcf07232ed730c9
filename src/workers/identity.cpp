#include "workers/identity.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/error.hpp"

namespace analytics::workers {
namespace {

constexpr std::size_t kMaxSecretFile = 256 * 1024;  // bytes

// What the file holds, without the line end at its end. Of nothing but a file: a pipe would stop the gateway.
std::string read_secret_file(const std::string& path) {
    const auto fail = [&](const char* message) {
        throw Error(Code::invalid_parameter, message)
            .detail("File \"" + path + "\".")
            .hint("analytics.http_jwt_secret names it; the server's user has to be able to read it.");
    };
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
        fail("the file of the JWT secret is not there");
    }
    std::ifstream file(path, std::ios::binary);
    std::string text(kMaxSecretFile + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (!file.is_open() || file.bad() || text.size() > kMaxSecretFile) {
        fail("the file of the JWT secret can't be read");
    }
    for (const char end : {'\n', '\r'}) {
        if (text.ends_with(end)) {
            text.pop_back();
        }
    }
    return text;
}

}  // namespace

auth::Rules token_rules(const HttpSettings& settings) {
    auth::Rules rules;
    rules.audience = settings.jwt_aud;
    rules.anon_role = settings.anon_role;
    rules.role_path = auth::RolePath::parse(settings.jwt_role_claim);
    const std::string& secret = settings.jwt_secret;
    if (!secret.empty()) {
        rules.keys = auth::read_keys(secret.starts_with('@') ? read_secret_file(secret.substr(1)) : secret);
    }
    return rules;
}

std::variant<auth::Identity, http::Response> identify(const http::Request& request, const auth::Rules& rules) {
    std::optional<std::string_view> token;
    if (const auto authorization = request.fields.find("Authorization")) {
        token = auth::bearer_token(*authorization);
    }
    auto who = auth::identify(token, rules, std::time(nullptr));
    if (const auto* const refusal = std::get_if<auth::Refusal>(&who)) {
        return auth::response_of(*refusal);
    }
    return std::get<auth::Identity>(std::move(who));
}

}  // namespace analytics::workers
