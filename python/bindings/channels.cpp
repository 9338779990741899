#include <pybind11/stl.h>

#include "bindings.hpp"
#include "laser/channel/channel.hpp"

namespace laser {

namespace py = pybind11;

void bind_channels(py::module_& module) {
  module.def("superpose", [](const std::string& name, const std::vector<double>& norms, double energy,
                             std::uint64_t seed, std::int64_t round) {
    const auto channel = make_channel(name);
    const StreamKey key{seed, Purpose::kFading, static_cast<std::uint32_t>(round)};
    const auto link = channel->draw(key, std::vector<char>(norms.size(), 1));
    const auto result = channel->superpose(link, norms, std::vector<double>(norms.size(), energy));
    py::dict scales;
    scales["amplitude"] = result.amplitude;
    scales["gain"] = result.gain;
    scales["receive_scale"] = result.receive_scale;
    scales["noise_std"] = result.noise_std;
    scales["received"] = result.received;
    return scales;
  });
}

}  // namespace laser
