#include <pybind11/stl.h>

#include "bindings.hpp"
#include "laser/power/allocation.hpp"
#include "laser/power/factor_split.hpp"
#include "laser/power/schedule.hpp"

namespace laser {

namespace py = pybind11;
using Numbers = std::vector<double>;

void bind_power(py::module_& module) {
  module.def("power_schedule", [](const std::string& policy, std::int64_t periods, double average,
                                  const Numbers& custom, double exponent) {
    return power_schedule(parse_power_policy(policy), periods, average, custom, exponent);
  });
  module.def("block_shares", [](const std::string& allocation, const Numbers& raw_norms,
                                const Numbers& sent_norms, const std::vector<std::int64_t>& symbols) {
    return block_shares(*make_allocation(allocation), {raw_norms, sent_norms, symbols});
  });
  module.def("split_between_factors", [](std::int64_t m, std::int64_t n, double energy) {
    const auto split = split_between_factors(m, n, energy);
    py::dict result;
    result["left_energy"] = split.left_energy;
    result["right_energy"] = split.right_energy;
    result["amplification"] = split.amplification;
    result["influence"] = split.influence;
    return result;
  });
  module.def("split_over_ranks",
             [](std::int64_t m, std::int64_t n, double energy, const Numbers& kappa, bool optimal) {
               const auto split = split_over_ranks(
                   m, n, energy, kappa, optimal ? RankAllocation::optimal : RankAllocation::sqrt_kappa);
               py::dict result;
               result["energies"] = split.energies;
               result["left_energies"] = split.left_energies;
               result["right_energies"] = split.right_energies;
               result["influence"] = split.influence;
               return result;
             });
}

}  // namespace laser
