#include "core/http/metrics_text.hpp"

#include <array>
#include <cstdio>

namespace analytics::http {

void MetricsText::metric(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += "# HELP " + name_ + ' ';
    text_ += help;
    text_ += "\n# TYPE " + name_ + ' ';
    text_ += type;
    text_ += '\n';
}

void MetricsText::sample(std::initializer_list<Label> labels, double value) {
    text_ += name_;
    char before = '{';
    for (const auto& [name, label] : labels) {
        text_ += before;
        text_ += name;
        text_ += "=\"";
        for (const char c : label) {
            text_ += c == '\\' || c == '"' ? std::string{'\\', c} : c == '\n' ? "\\n" : std::string{c};
        }
        text_ += '"';
        before = ',';
    }
    std::array<char, 40> digits{};
    std::snprintf(digits.data(), digits.size(), "%.15g", value);
    text_ += (before == ',' ? "} " : " ") + std::string(digits.data()) + '\n';
}

}  // namespace analytics::http
