// How the power budget P_t moves over the rounds of a run, with the mean kept at P (spec 3.1).
//
// The unit of t is the caller's: an epoch in the paper's study, or an iteration. This is not the allocation
// over blocks within one round (allocation.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace laser {

/// The policies of spec 3.1; [LASER, section 5 and Fig. 3, 7] compares the first five. power_law is P_t in
/// proportion to (t + 1)^a: 0.8 of Saha et al., 2 of Wei and Shen at a fixed norm of the gradient.
enum class PowerPolicy { constant, linear_up, linear_down, step_up, step_down, power_law, custom };

/// Name <-> policy, in the order of help texts.
inline constexpr std::array<std::pair<std::string_view, PowerPolicy>, 7> kPowerPolicies = {{
    {"constant", PowerPolicy::constant},
    {"linear_up", PowerPolicy::linear_up},
    {"linear_down", PowerPolicy::linear_down},
    {"step_up", PowerPolicy::step_up},
    {"step_down", PowerPolicy::step_down},
    {"power_law", PowerPolicy::power_law},
    {"custom", PowerPolicy::custom},
}};

/// The policy of that name (spec 3.1). Throws Error (configuration) that lists the names.
[[nodiscard]] PowerPolicy parse_power_policy(std::string_view name);

/// The budgets P_0 .. P_{T-1} (energy per worker and round, noise variance 1) of T = `periods` periods with
/// mean `average` (spec 3.1). `custom` gives the shape of the custom policy, [T], rescaled to the mean;
/// `exponent` is a of the power law. Throws Error (configuration) if the average is not positive and finite,
/// periods < 1, the exponent is not within -8 .. 8, or the custom list has another length, a negative or
/// non-finite entry, or only zeros.
[[nodiscard]] std::vector<double> power_schedule(PowerPolicy policy, std::int64_t periods, double average,
                                                 std::span<const double> custom = {}, double exponent = 0.8);

}  // namespace laser
