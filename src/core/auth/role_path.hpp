// Where a token names its role: analytics.http_jwt_role_claim.
//
//     .role   .app_metadata.roles[0]   ."https://shop.example/role"   .roles[?(@ ^== "shop_")]
//
// These are PostgREST's paths; of its newer ones (RFC 9535) those with $ before them and names in brackets, such as
// $['https://shop.example/role'].key, but no wildcards, slices, or functions.
#pragma once

#include "core/json.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::auth {

class RolePath {
public:
    // Throws Error(Code::invalid_parameter).
    static RolePath parse(std::string_view text);

    // The role at that place of the claims. What is no string is the JSON that it is: no role has such a name.
    std::optional<std::string> find(const json::Node& claims) const;

private:
    friend class RolePathReader;

    enum class Kind { member, element, equal, unequal, begins, ends, contains };
    struct Step {
        Kind kind;
        std::string text;  // the member's name, or what elements are compared with
        std::size_t index = 0;
    };
    static bool matches(const Step& filter, const json::Node& element);
    static const json::Node* step_into(const Step& step, const json::Node& node);

    std::vector<Step> steps_;
};

}  // namespace analytics::auth
