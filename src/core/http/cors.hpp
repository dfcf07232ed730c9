// Which pages of other origins may use the server (Cross-Origin Resource Sharing).
#pragma once

#include "core/http/message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace analytics::http {

class Origins {
public:
    Origins() = default;
    // Origins separated by commas, such as https://shop.example; '*' stands for all. Nothing: none.
    explicit Origins(std::string_view list);

    bool allows(std::string_view origin) const;

    // Adds to an answer what lets the browser hand it to the page.
    void permit(const Fields& request, Fields& answer) const;

    // The answer to OPTIONS; `methods` as in Allow.
    Response preflight(const Fields& request, std::string_view methods) const;

private:
    std::vector<std::string> origins_;
    bool all_ = false;
};

// Whether each element is an origin: scheme://host[:port], without a path, or '*'.
bool is_list_of_origins(std::string_view list);

}  // namespace analytics::http
