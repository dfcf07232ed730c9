// Prometheus' text format.
#pragma once

#include "core/no_postgres.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace analytics::http {

class MetricsText {
public:
    using Label = std::pair<std::string_view, std::string_view>;

    // Begins a metric; its samples follow. Types: counter, gauge.
    void metric(std::string_view name, std::string_view type, std::string_view help);
    void sample(std::initializer_list<Label> labels, double value);

    const std::string& text() const { return text_; }

private:
    std::string name_;
    std::string text_;
};

}  // namespace analytics::http
