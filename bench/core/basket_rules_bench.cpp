// Frequent itemsets and rules of baskets from a file: basket_rules_bench FILE MIN_SUPPORT MIN_CONFIDENCE MAX_LENGTH
// A line of the file is a basket, of numbers. Prints the itemsets and the rules by their lengths, and the milliseconds
// of processor time that each took, at the least of several runs; then the rules of the highest lift.
#include "core/models/basket_rules.hpp"
#include "core/models/fp_growth.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace models = analytics::models;

namespace {

constexpr int kRuns = 5;

using Lengths = std::map<std::size_t, std::size_t>;

template <typename Work>
double least_milliseconds(Work&& work) {
    double least = 0;
    for (int run = 0; run < kRuns; ++run) {
        const std::clock_t begin = std::clock();
        work();
        const double took = static_cast<double>(std::clock() - begin) * 1000 / CLOCKS_PER_SEC;
        least = run == 0 ? took : std::min(least, took);
    }
    return least;
}

void print(const char* what, const Lengths& lengths, double milliseconds) {
    std::size_t all = 0;
    for (const auto& [length, count] : lengths) {
        all += count;
    }
    std::printf("%s %zu %.3f", what, all, milliseconds);
    for (const auto& [length, count] : lengths) {
        std::printf(" %zu:%zu", length, count);
    }
    std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("basket_rules_bench FILE MIN_SUPPORT MIN_CONFIDENCE MAX_LENGTH\n", stderr);
        return 2;
    }
    models::BasketRulesOptions options;
    options.min_support = std::atof(argv[2]);
    options.min_confidence = std::atof(argv[3]);
    options.max_length = std::atoi(argv[4]);
    std::ifstream file(argv[1]);
    models::Baskets baskets;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::vector<models::Item> items;
        for (models::Item item = 0; words >> item;) {
            items.push_back(item);
        }
        baskets.add(items);
    }
    models::Task task(1, std::size_t{1} << 40);
    Lengths sets;
    std::size_t memory = 0;
    const double itemsets_took = least_milliseconds([&] {
        sets.clear();
        models::MemoryBudget budget(task);
        models::fp_growth(baskets, {models::min_count_of(options.min_support, baskets.size()), options.max_length},
                          budget, [&](auto items, auto) { ++sets[items.size()]; });
        memory = budget.used();
    });
    print("itemsets", sets, itemsets_took);
    std::printf("memory %zu\n", memory);
    models::BasketRules rules;
    const double rules_took = least_milliseconds([&] { rules = models::basket_rules(baskets, options, task); });
    Lengths lengths;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        ++lengths[rules[i].antecedent.size() + 1];
    }
    print("rules", lengths, rules_took);
    const double measures_took = least_milliseconds([&] {
        double sum = 0;
        for (std::size_t i = 0; i < rules.size(); ++i) {
            sum += models::measures_of(rules[i].counts).p_value;
        }
        if (sum < 0) {
            std::abort();  // never: so that it is not left out
        }
    });
    std::printf("measures %zu %.3f\n", rules.size(), measures_took);
    for (std::size_t i = 0; i < std::min<std::size_t>(rules.size(), 3); ++i) {
        const auto rule = rules[i];
        const auto m = models::measures_of(rule.counts);
        for (const models::Item item : rule.antecedent) {
            std::printf("%u ", item);
        }
        std::printf(
            "=> %u support %.10g confidence %.7g lift %.9g leverage %.9g conviction %.9g zhang %.9g p %.9g count %u\n",
            rule.consequent, m.support, m.confidence, m.lift, m.leverage, m.conviction, m.zhang, m.p_value,
            rule.counts.both);
    }
}
