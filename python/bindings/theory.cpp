#include <pybind11/stl.h>

#include "bindings.hpp"
#include "laser/power/factor_split.hpp"
#include "laser/theory/influence.hpp"
#include "laser/theory/volume.hpp"

namespace laser {

namespace py = pybind11;
using Numbers = std::vector<double>;

void bind_theory(py::module_& module) {
  module.def("signal_to_noise", &theory::signal_to_noise);
  module.def("influence_uncompressed", &theory::influence_uncompressed);
  module.def("influence_one_shot_bound", &theory::influence_one_shot_bound);
  module.def("influence_bound_ratio", &theory::influence_bound_ratio);
  module.def("influence_two_phase", &theory::influence_two_phase);
  module.def("influence_alternating_even", &theory::influence_alternating_even);
  module.def("influence_alternating_odd", &theory::influence_alternating_odd);
  module.def("influence_random_k", &theory::influence_random_k);
  module.def("influence_workers",
             [](std::int64_t symbols, double power, const Numbers& norms, double mean_norm) {
               return theory::influence_workers(symbols, power, norms, mean_norm);
             });
  module.def("influence_workers_equal", &theory::influence_workers_equal);
  module.def("influence_workers_orthogonal", &theory::influence_workers_orthogonal);
  module.def("influence_downlink", &theory::influence_downlink);
  module.def("influence_total", &theory::influence_total);
  module.def("factor_influence_bound", &factor_influence_bound);
  module.def("rank_influence_bound", &rank_influence_bound);
  module.def("data_volume", [](const std::vector<std::pair<std::string, Shape>>& shapes,
                               const std::string& scheme, std::int64_t rank, double compression_factor) {
    Layout layout;
    for (const auto& [name, shape] : shapes) layout.add(name, shape);
    const auto volume =
        theory::data_volume(layout, theory::parse_volume_scheme(scheme), {rank, compression_factor});
    py::dict result;
    result["symbols"] = volume.symbols;
    result["bytes"] = volume.bytes;
    result["dense_floats"] = volume.dense_floats;
    result["compression_ratio"] = volume.compression_ratio;
    return result;
  });
}

}  // namespace laser
