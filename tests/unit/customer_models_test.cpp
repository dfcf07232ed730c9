// BG/NBD and Gamma-Gamma: published estimates, simulated customers, numerical integrals, and what has no answer.
#include "core/error.hpp"
#include "core/models/bgnbd.hpp"
#include "core/models/gamma_gamma.hpp"
#include "core/models/special.hpp"

#include <gtest/gtest.h>
#include <boost/math/quadrature/tanh_sinh.hpp>

#include <array>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace analytics::models {
namespace {

struct Customers {
    std::vector<double> x, t_x, t, m, after;
};

Customers cdnow(double unit) {
    Customers all;
    std::ifstream file(ANALYTICS_TEST_DATA "/cdnow/customers.csv");
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::array<double, 5> fields{};
        std::istringstream text(line);
        for (auto& field : fields) {
            text >> field;
            text.ignore(1);
        }
        all.x.push_back(fields[0]);
        all.t_x.push_back(fields[1] / unit);
        all.t.push_back(fields[2] / unit);
        all.m.push_back(fields[3]);
        all.after.push_back(fields[4]);
    }
    return all;
}

constexpr std::size_t kMemory = std::size_t{1} << 30;

BgnbdFit fit(const Customers& c, int threads = 2) {
    Task task(threads, kMemory);
    return fit_bgnbd(c.x, c.t_x, c.t, 42, task);
}

GammaGammaFit fit_worth(const Customers& c) {
    Task task(2, kMemory);
    return fit_gamma_gamma(c.x, c.m, 42, task);
}

// Customers as the model says, until t; `after`: purchases in the time `later` that follows; `alive`: whether they
// still buy
Customers simulate(const Bgnbd& model, std::size_t count, double later, std::vector<bool>& alive, unsigned seed = 1) {
    std::mt19937_64 random(seed);
    std::gamma_distribution<> rates(model.r, 1 / model.alpha);
    std::gamma_distribution<> for_a(model.a);
    std::gamma_distribution<> for_b(model.b);
    std::uniform_real_distribution<> uniform;
    Customers all;
    alive.clear();
    for (std::size_t i = 0; i < count; ++i) {
        const double until = 20 + 20 * uniform(random);
        const double rate = rates(random);
        const double a = for_a(random);
        const double stop = a / (a + for_b(random));
        double x = 0;
        double t_x = 0;
        double after = 0;
        bool still = true;
        bool still_at_t = true;
        for (double now = 0; rate > 0;) {
            now += std::exponential_distribution<>(rate)(random);
            if (now > until + later) {
                break;
            }
            if (now <= until) {
                x += 1;
                t_x = now;
            } else {
                after += 1;
            }
            still = uniform(random) >= stop;
            if (!still) {
                still_at_t = now > until;
                break;
            }
        }
        all.x.push_back(x);
        all.t_x.push_back(t_x);
        all.t.push_back(until);
        all.after.push_back(after);
        alive.push_back(still_at_t);
    }
    return all;
}

Bgnbd random_model(std::mt19937_64& random) {
    std::uniform_real_distribution<> log10(-1, 1);
    return {std::pow(10, log10(random)), std::pow(10, log10(random) + 0.5), std::pow(10, log10(random)),
            std::pow(10, log10(random))};
}

// E[(1 - e^(-lambda p u)) / p] by numerical integration over p, the mean over lambda in closed form
double purchases_by_integral(double k, double u, double a, double b) {
    boost::math::quadrature::tanh_sinh<double> integrator(15);
    const double log_beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b);
    return integrator.integrate(
        [&](double p, double near) {
            const double p_low = near < 0 || p < 0.5 ? std::abs(p < 0.5 ? near : p) : p;  // near: distance to the end
            const double rest = p < 0.5 ? 1 - p_low : std::abs(near);
            const double bought = -std::expm1(-k * std::log1p(p_low * u)) / p_low;
            return std::exp((a - 1) * std::log(p_low) + (b - 1) * std::log(rest) - log_beta) * bought;
        },
        0.0, 1.0, 1e-12);
}

TEST(Special, rises_are_sums) {
    // where the sum gives way to a difference or a series: beyond 64 terms
    for (const double z : {0.01, 0.7, 3.0, 250.0, 1000.0, 3000.0}) {
        double logs = 0;
        double first = 0;
        double second = 0;
        for (int i = 0; i < 100; ++i) {
            logs += std::log(z + i);
            first += 1 / (z + i);
            second -= 1 / ((z + i) * (z + i));
            if (i == 39 || i == 99) {
                EXPECT_NEAR(log_rising(z, i + 1), logs, 1e-10) << z << ' ' << i;
                EXPECT_NEAR(digamma_rise(z, i + 1), first, 1e-12 * (1 + first)) << z << ' ' << i;
                EXPECT_NEAR(trigamma_rise(z, i + 1), second, 1e-12 * (1 - second)) << z << ' ' << i;
            }
        }
    }
}

TEST(Bgnbd, published_estimates) {
    const auto found = fit(cdnow(7));
    ASSERT_TRUE(found.converged);
    EXPECT_EQ(found.customers, 2357U);
    // Fader, Hardie and Lee (2005), and with more digits CLVTools' tests
    EXPECT_NEAR(found.parameters.r, 0.2425945, 2e-6);
    EXPECT_NEAR(found.parameters.alpha, 4.4136019, 2e-5);
    EXPECT_NEAR(found.parameters.a, 0.7929199, 2e-5);
    EXPECT_NEAR(found.parameters.b, 2.4258881, 5e-5);
    EXPECT_NEAR(found.log_likelihood, -9582.429, 5e-4);
    // lifetimes 0.11.3 on its rounded times
    EXPECT_NEAR(found.standard_errors[0], 0.012557, 1e-5);
    EXPECT_NEAR(found.standard_errors[1], 0.378221, 5e-4);
    EXPECT_NEAR(found.standard_errors[2], 0.185719, 5e-4);
    EXPECT_NEAR(found.standard_errors[3], 0.705345, 2e-3);
}

TEST(Bgnbd, published_expectations) {
    const Bgnbd model = {0.2425945, 4.4136019, 0.7929199, 2.4258881};
    // Hardie's spreadsheet
    const std::array<std::pair<double, double>, 5> expected = {
        {{0.1429, 0.0078}, {1, 0.0532}, {3, 0.1506}, {31.8571, 1.0405}, {32, 1.0437}}};
    for (const auto& [time, purchases] : expected) {
        EXPECT_NEAR(bgnbd_expected(model, 0, 0, 0, time), purchases, 6e-5);
    }
    EXPECT_NEAR(bgnbd_expected(model, 2, 30.43, 38.86, 39), 1.226, 5e-4);
    EXPECT_NEAR(bgnbd_p_alive(model, 2, 30.43, 38.86), 0.72661, 1e-5);
    const auto all = cdnow(7);
    double sum = 0;
    for (std::size_t i = 0; i < all.x.size(); ++i) {
        sum += bgnbd_expected(model, all.x[i], all.t_x[i], all.t[i], 39);
    }
    EXPECT_NEAR(sum, 1653.41, 0.01);
}

TEST(Bgnbd, as_lifetimes_has_it) {
    // lifetimes 0.11.3, with the parameters that it fits to cdnow_customers_summary
    const Bgnbd model = {0.24259292827982148, 4.413532265271809, 0.7928859664406578, 2.4257523826257374};
    struct {
        double x, t_x, t, alive;
        std::array<double, 4> expected;  // in 1, 13, 39 and 520 weeks
    } const cases[] = {
        {0, 0, 5, 1, {0.025365185020539038, 0.28417834102982187, 0.6952438760408395, 3.4723325456845853}},
        {0, 0, 38.86, 1, {0.005586351301202332, 0.069811237509529, 0.19478085793947836, 1.4624052122519533}},
        {1,
         2,
         30,
         0.27500253633728305,
         {0.009869542997639948, 0.12003567184212173, 0.32055048936899105, 1.9220631425869166}},
        {7,
         20,
         38,
         0.1628829713894684,
         {0.027606814097897222, 0.33068894220127554, 0.8609320475256426, 4.555753884199102}},
        {29, 37, 38, 0.9502466391118856, {0.6494873716805594, 7.685269510725305, 19.662849569570934, 98.3399707006709}},
    };
    for (const auto& c : cases) {
        EXPECT_NEAR(bgnbd_p_alive(model, c.x, c.t_x, c.t), c.alive, 1e-12);
        const std::array<double, 4> times = {1, 13, 39, 520};
        for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_NEAR(bgnbd_expected(model, c.x, c.t_x, c.t, times[i]), c.expected[i], 1e-10 * c.expected[i]);
        }
    }
}

TEST(Bgnbd, derivatives) {
    std::mt19937_64 random(3);
    std::uniform_real_distribution<> uniform;
    for (int round = 0; round < 200; ++round) {
        const auto model = random_model(random);
        const double x = std::floor(std::pow(10, 2.2 * uniform(random)) - 1);
        const double t = 40 * uniform(random);
        const double t_x = x == 0 ? 0 : t * uniform(random);
        const auto jet = bgnbd_likelihood(model, x, t_x, t, 3);
        for (std::size_t i = 0; i < 4; ++i) {
            std::array<double, 4> at = {model.r, model.alpha, model.a, model.b};
            const double step = at[i] * 1e-5;
            at[i] += step;
            const auto up = bgnbd_likelihood({at[0], at[1], at[2], at[3]}, x, t_x, t, 3);
            at[i] -= 2 * step;
            const auto down = bgnbd_likelihood({at[0], at[1], at[2], at[3]}, x, t_x, t, 3);
            const double scale = 1e-4 * (1 + std::abs(jet.gradient[i]));
            EXPECT_NEAR(jet.gradient[i], (up.value - down.value) / (2 * step), scale) << i << " x " << x;
            for (std::size_t j = 0; j < 4; ++j) {
                EXPECT_NEAR(jet.hessian[i][j], (up.gradient[j] - down.gradient[j]) / (2 * step),
                            1e-4 * (1 + std::abs(jet.hessian[i][j])))
                    << i << j;
            }
        }
    }
}

TEST(Bgnbd, alive_is_a_probability_and_grows_with_recency) {
    std::mt19937_64 random(4);
    std::uniform_real_distribution<> uniform;
    for (int round = 0; round < 2000; ++round) {
        const auto model = random_model(random);
        const double x = 1 + std::floor(std::pow(10, 3 * uniform(random)));
        const double t = std::pow(10, 4 * uniform(random) - 1);
        double before = -1;
        for (double share = 0; share <= 1; share += 0.1) {
            const double alive = bgnbd_p_alive(model, x, std::min(t, share * t), t);
            EXPECT_GE(alive, 0);
            EXPECT_LE(alive, 1);
            EXPECT_GE(alive, before - 1e-12);
            before = alive;
        }
    }
}

TEST(Bgnbd, expectation_grows_with_the_horizon_by_less_and_less) {
    std::mt19937_64 random(5);
    std::uniform_real_distribution<> uniform;
    for (int round = 0; round < 2000; ++round) {
        const auto model = random_model(random);
        const double x = std::floor(std::pow(10, 2 * uniform(random)) - 1);
        const double t = 50 * uniform(random);
        const double t_x = x == 0 ? 0 : t * uniform(random);
        double before = 0;
        double last_gain = std::numeric_limits<double>::infinity();
        for (int month = 1; month <= 12; ++month) {
            const double now = bgnbd_expected(model, x, t_x, t, 4.0 * month);
            EXPECT_TRUE(std::isfinite(now));
            EXPECT_GE(now, before);
            EXPECT_LE(now - before, last_gain * (1 + 1e-9) + 1e-15);
            last_gain = now - before;
            before = now;
        }
    }
}

TEST(Bgnbd, expectation_is_the_integral) {
    std::mt19937_64 random(6);
    std::uniform_real_distribution<> uniform;
    for (int round = 0; round < 500; ++round) {
        const double k = std::pow(10, 3 * uniform(random) - 1);
        const double u = std::pow(10, 4 * uniform(random) - 2);
        const double a = std::pow(10, 2 * uniform(random) - 0.7);
        const double b = std::pow(10, 2 * uniform(random) - 0.7);
        const double sum = purchases_until_stop(k, u, a, b);
        EXPECT_NEAR(sum / purchases_by_integral(k, u, a, b), 1, 1e-8) << k << ' ' << u << ' ' << a << ' ' << b;
    }
    // where the paper's formula has 0/0 or a pole: a = 1, a + b < 1, a + b = 1
    for (const auto& [a, b] : {std::pair{1.0, 2.0}, {0.3, 0.4}, {0.5, 0.5}, {1.0, 1.0}}) {
        for (const double u : {1e-9, 0.1, 3.0, 1e3, 1e6}) {
            EXPECT_NEAR(purchases_until_stop(0.25, u, a, b) / purchases_by_integral(0.25, u, a, b), 1, 1e-8)
                << a << ' ' << u;
        }
    }
}

TEST(Bgnbd, what_was_simulated_comes_true) {
    const Bgnbd model = {0.8, 6, 0.7, 2};
    std::vector<bool> alive;
    const auto all = simulate(model, 100'000, 25, alive);
    // in each class of customers the mean of what was predicted is what came, within five standard errors
    std::array<double, 4> n{}, predicted{}, came{}, squares{}, p_alive{}, lives{};
    for (std::size_t i = 0; i < all.x.size(); ++i) {
        const auto of = static_cast<std::size_t>(all.x[i] == 0               ? 0
                                                 : all.x[i] == 1             ? 1
                                                 : all.t_x[i] < all.t[i] / 2 ? 2
                                                                             : 3);
        n[of] += 1;
        predicted[of] += bgnbd_expected(model, all.x[i], all.t_x[i], all.t[i], 25);
        came[of] += all.after[i];
        squares[of] += all.after[i] * all.after[i];
        p_alive[of] += bgnbd_p_alive(model, all.x[i], all.t_x[i], all.t[i]);
        lives[of] += alive[i] ? 1 : 0;
    }
    for (std::size_t of = 0; of < 4; ++of) {
        ASSERT_GT(n[of], 1000);
        const double spread = std::sqrt((squares[of] / n[of] - std::pow(came[of] / n[of], 2)) / n[of]);
        EXPECT_NEAR(predicted[of] / n[of], came[of] / n[of], 5 * spread) << of;
        const double share = lives[of] / n[of];
        EXPECT_NEAR(p_alive[of] / n[of], share, 5 * std::sqrt(share * (1 - share) / n[of]) + 1e-9) << of;
    }
}

TEST(Bgnbd, finds_what_was_simulated_and_whatever_the_threads) {
    const Bgnbd model = {0.8, 6, 0.7, 2};
    std::vector<bool> alive;
    const auto all = simulate(model, 40'000, 0, alive, 2);
    const auto found = fit(all, 1);
    ASSERT_TRUE(found.converged);
    EXPECT_NEAR(found.parameters.r, model.r, 4 * found.standard_errors[0]);
    EXPECT_NEAR(found.parameters.alpha, model.alpha, 4 * found.standard_errors[1]);
    EXPECT_NEAR(found.parameters.a, model.a, 4 * found.standard_errors[2]);
    EXPECT_NEAR(found.parameters.b, model.b, 4 * found.standard_errors[3]);
    EXPECT_LT(found.standard_errors[0], 0.05);
    const auto threads = fit(all, 3);
    EXPECT_EQ(found.parameters.b, threads.parameters.b);
    EXPECT_EQ(found.log_likelihood, threads.log_likelihood);
}

TEST(Bgnbd, the_unit_of_time_is_free) {
    const auto weeks = fit(cdnow(7));
    const auto seconds = fit(cdnow(1.0 / 86400));
    ASSERT_TRUE(seconds.converged);
    EXPECT_NEAR(seconds.parameters.alpha / (weeks.parameters.alpha * 7 * 86400), 1, 1e-5);
    EXPECT_NEAR(seconds.parameters.r / weeks.parameters.r, 1, 1e-5);
    EXPECT_NEAR(seconds.standard_errors[1] / (weeks.standard_errors[1] * 7 * 86400), 1, 1e-4);
    // the density of a time in other units: each of the 2,457 repeat purchases
    EXPECT_NEAR(seconds.log_likelihood, weeks.log_likelihood - 2457 * std::log(7 * 86400.0), 1e-3);
}

TEST(Bgnbd, next_purchase_is_the_median) {
    const Bgnbd model = {0.8, 6, 0.7, 2};
    const double next = bgnbd_next_purchase(model, 4, 30, 32);
    const double alive = bgnbd_p_alive(model, 4, 30, 32);
    EXPECT_NEAR(alive * (1 - std::pow(38 / (38 + next), 4.8)), 0.5, 1e-12);
    EXPECT_EQ(bgnbd_next_purchase(model, 4, 3, 32), std::numeric_limits<double>::infinity());
}

std::string no_fit(const Customers& c) {
    const auto found = fit(c);
    EXPECT_FALSE(found.converged);
    return found.reason;
}

TEST(Bgnbd, what_has_no_fit_says_why) {
    EXPECT_EQ(no_fit({}), "fewer than two customers");
    EXPECT_EQ(no_fit({{3}, {4}, {5}, {}, {}}), "fewer than two customers");
    EXPECT_EQ(no_fit({{0, 0, 0}, {0, 0, 0}, {5, 6, 7}, {}, {}}), "no customer has bought again");
    EXPECT_EQ(no_fit({{0, 0}, {0, 0}, {0, 0}, {}, {}}), "no time has passed since the first purchases");
}

TEST(Bgnbd, whatever_the_customers_every_figure_is_a_number) {
    std::mt19937_64 random(7);
    std::uniform_real_distribution<> uniform;
    int fitted = 0;
    for (int round = 0; round < 400; ++round) {
        Customers all;
        const int size = 2 + static_cast<int>(random() % 12);
        for (int i = 0; i < size; ++i) {
            const double x = random() % 3 == 0 ? 0.0 : static_cast<double>(random() % (round % 2 == 0 ? 3 : 400));
            const double t = random() % 5 == 0 ? 10 : std::floor(100 * uniform(random));
            all.x.push_back(x);
            all.t.push_back(t);
            all.t_x.push_back(x == 0 ? 0 : random() % 4 == 0 ? t : std::floor(t * uniform(random)));
        }
        const auto found = fit(all, 1);
        if (!found.converged) {
            EXPECT_FALSE(found.reason.empty());
            continue;
        }
        ++fitted;
        EXPECT_TRUE(std::isfinite(found.log_likelihood));
        for (std::size_t i = 0; i < all.x.size(); ++i) {
            const double alive = bgnbd_p_alive(found.parameters, all.x[i], all.t_x[i], all.t[i]);
            EXPECT_TRUE(alive >= 0 && alive <= 1);
            for (const double horizon : {1e-6, 10.0, 1e5}) {
                const double expected = bgnbd_expected(found.parameters, all.x[i], all.t_x[i], all.t[i], horizon);
                EXPECT_TRUE(std::isfinite(expected) && expected >= 0) << expected;
            }
        }
    }
    EXPECT_GT(fitted, 300);
}

TEST(Bgnbd, refuses_what_no_customer_can_be) {
    const Bgnbd model = {0.8, 6, 0.7, 2};
    const double nan = std::nan("");
    EXPECT_THROW(bgnbd_p_alive(model, -1, 0, 1), Error);
    EXPECT_THROW(bgnbd_p_alive(model, 1.5, 1, 2), Error);
    EXPECT_THROW(bgnbd_p_alive(model, 1, 3, 2), Error);
    EXPECT_THROW(bgnbd_p_alive(model, 0, 1, 2), Error);
    EXPECT_THROW(bgnbd_p_alive(model, nan, 1, 2), Error);
    EXPECT_THROW(bgnbd_p_alive(model, 1, nan, 2), Error);
    EXPECT_THROW(bgnbd_p_alive(model, 1, 1, nan), Error);
    EXPECT_THROW(bgnbd_expected(model, 1, 1, 2, -1), Error);
    EXPECT_THROW(bgnbd_expected(model, 1, 1, 2, nan), Error);
    EXPECT_THROW(bgnbd_p_alive({0, 6, 0.7, 2}, 1, 1, 2), Error);
    EXPECT_THROW(bgnbd_p_alive({0.8, 6, nan, 2}, 1, 1, 2), Error);
    Task task(1, kMemory);
    const std::array<double, 2> two = {1, 1};
    const std::array<double, 1> one = {1};
    EXPECT_THROW(fit_bgnbd(two, two, one, 1, task), Error);
    EXPECT_THROW(fit_gamma_gamma(two, one, 1, task), Error);
}

TEST(Bgnbd, stops_when_told) {
    Task task(1, kMemory);
    task.cancel();
    const auto all = cdnow(7);
    EXPECT_THROW(fit_bgnbd(all.x, all.t_x, all.t, 1, task), Cancelled);
    EXPECT_THROW(fit_gamma_gamma(all.x, all.m, 1, task), Cancelled);
}

TEST(GammaGamma, published_estimates) {
    const auto found = fit_worth(cdnow(7));
    ASSERT_TRUE(found.converged);
    EXPECT_EQ(found.customers, 946U);
    EXPECT_NEAR(found.parameters.p, 6.25, 5e-3);
    EXPECT_NEAR(found.parameters.q, 3.74, 5e-3);
    EXPECT_NEAR(found.parameters.v, 15.44, 5e-3);
    EXPECT_NEAR(found.log_likelihood, -4055.9177, 5e-4);  // CLVTools' tests
}

TEST(GammaGamma, published_expectations) {
    const GammaGamma model = {6.25, 3.74, 15.44};
    const auto all = cdnow(7);
    // Hardie's spreadsheet: the first ten customers
    const std::array<double, 10> expected = {24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(gamma_gamma_value(model, all.x[i], all.m[i]), expected[i], 0.06);
    }
}

TEST(GammaGamma, derivatives) {
    std::mt19937_64 random(8);
    std::uniform_real_distribution<> uniform;
    for (int round = 0; round < 200; ++round) {
        const std::array<double, 3> model = {0.2 + 9 * uniform(random), 1.1 + 9 * uniform(random),
                                             0.1 + 30 * uniform(random)};
        const double x = 1 + std::floor(30 * uniform(random));
        const double m = 0.1 + 60 * uniform(random);
        const auto jet = gamma_gamma_likelihood({model[0], model[1], model[2]}, x, m, 2);
        for (std::size_t i = 0; i < 3; ++i) {
            auto at = model;
            const double step = at[i] * 1e-5;
            at[i] += step;
            const auto up = gamma_gamma_likelihood({at[0], at[1], at[2]}, x, m, 2);
            at[i] -= 2 * step;
            const auto down = gamma_gamma_likelihood({at[0], at[1], at[2]}, x, m, 2);
            EXPECT_NEAR(jet.gradient[i], (up.value - down.value) / (2 * step), 1e-4 * (1 + std::abs(jet.gradient[i])));
            for (std::size_t j = 0; j < 3; ++j) {
                EXPECT_NEAR(jet.hessian[i][j], (up.gradient[j] - down.gradient[j]) / (2 * step),
                            1e-4 * (1 + std::abs(jet.hessian[i][j])));
            }
        }
    }
}

TEST(GammaGamma, finds_what_was_simulated) {
    std::mt19937_64 random(9);
    const GammaGamma model = {5, 4, 16};
    std::gamma_distribution<> rates(model.q, 1 / model.v);
    Customers all;
    for (int i = 0; i < 20'000; ++i) {
        const double x = 1 + static_cast<double>(random() % 6);
        const double rate = rates(random);
        all.x.push_back(x);
        // the mean of x draws from Gamma(p, rate): a Gamma(p x, rate x)
        all.m.push_back(std::gamma_distribution<>(model.p * x, 1 / (rate * x))(random));
    }
    const auto found = fit_worth(all);
    ASSERT_TRUE(found.converged);
    EXPECT_NEAR(found.parameters.p, model.p, 4 * found.standard_errors[0]);
    EXPECT_NEAR(found.parameters.q, model.q, 4 * found.standard_errors[1]);
    EXPECT_NEAR(found.parameters.v, model.v, 4 * found.standard_errors[2]);
    EXPECT_LT(found.standard_errors[0], 0.5);
}

TEST(GammaGamma, what_has_no_fit_says_why) {
    EXPECT_EQ(fit_worth({}).reason, "fewer than two customers with purchases of a positive value");
    EXPECT_EQ(fit_worth({{1, 2, 0}, {}, {}, {0, 0, 0}, {}}).reason,
              "fewer than two customers with purchases of a positive value");
    EXPECT_EQ(fit_worth({{1, 2, 3}, {}, {}, {5, 5, 5}, {}}).reason, "all customers spend the same");
}

TEST(GammaGamma, whatever_the_customers_every_figure_is_a_number) {
    std::mt19937_64 random(10);
    std::uniform_real_distribution<> uniform;
    int fitted = 0;
    for (int round = 0; round < 300; ++round) {
        Customers all;
        const int size = 2 + static_cast<int>(random() % 12);
        for (int i = 0; i < size; ++i) {
            all.x.push_back(static_cast<double>(random() % (round % 2 == 0 ? 3 : 100)));
            all.m.push_back(random() % 5 == 0 ? 0 : std::pow(10, 8 * uniform(random) - 3));
        }
        const auto found = fit_worth(all);
        if (!found.converged) {
            EXPECT_FALSE(found.reason.empty());
            continue;
        }
        ++fitted;
        for (std::size_t i = 0; i < all.x.size(); ++i) {
            const double value = gamma_gamma_value(found.parameters, all.x[i], all.m[i]);
            EXPECT_TRUE(std::isfinite(value) && value >= 0) << value;
        }
    }
    EXPECT_GT(fitted, 200);
}

TEST(GammaGamma, between_the_customer_and_the_crowd) {
    const GammaGamma model = {6.25, 3.74, 15.44};
    const double crowd = gamma_gamma_value(model, 0, 0);
    EXPECT_NEAR(crowd, 6.25 * 15.44 / 2.74, 1e-12);
    double before = crowd;
    for (double x = 1; x < 50; ++x) {  // the more is known, the nearer to the customer's own mean
        const double value = gamma_gamma_value(model, x, 100);
        EXPECT_GT(value, before);
        EXPECT_LT(value, 100);
        before = value;
    }
    EXPECT_TRUE(std::isnan(gamma_gamma_value({1, 0.5, 1}, 0, 0)));
}

}  // namespace
}  // namespace analytics::models
