// The tables of parts, as Python reads them.
#include <pybind11/stl.h>

#include <tuple>

#include "bindings.hpp"
#include "laser/aggregate/parts.hpp"
#include "laser/aggregate/roles.hpp"

namespace py = pybind11;

namespace laser {
namespace {

/// Of every part by role and name: the settings that it reads, and its traits. Those of a compressor that
/// reads the setting `transport` are the transport's.
py::dict part_facts() {
  py::dict all;
  const auto tell = [&](const char* role, const PartRow& row, const py::dict& traits) {
    if (!all.contains(role)) all[role] = py::dict();
    py::dict facts;
    facts["reads"] = row.reads;
    facts["traits"] = traits;
    all[role][row.name.c_str()] = facts;
  };
  const auto of_compressor = [](const CompressorOptions& options) {
    const auto compressor = make_compressor(options);
    const auto is = compressor->traits();
    py::dict traits;
    traits["linear"] = is.linear;
    traits["scales"] = is.scales;
    traits["factored"] = is.factored;
    traits["passes"] = compressor->pass_shares().size();
    return traits;
  };
  for (const auto& row : compressors()) {
    CompressorOptions options{.name = row.name};
    tell("compressor", row, uses_setting(options, "transport") ? py::dict() : of_compressor(options));
    for (const auto& transport : transports()) {
      options.transport = transport.name;
      if (uses_setting(options, "transport")) tell("transport", transport, of_compressor(options));
    }
  }
  for (const auto& row : feedbacks()) {
    const auto is = make_feedback(row.name)->traits();
    py::dict traits;
    traits["remembers"] = is.remembers;
    traits["residual"] = is.residual;
    traits["holds"] = is.holds;
    traits["weighs"] = is.weighs;
    tell("feedback", row, traits);
  }
  for (const auto& row : receivers()) {
    const auto is = make_receiver(row.name)->traits();
    py::dict traits;
    traits["scales"] = is.scales;
    traits["weighs"] = is.weighs;
    tell("receiver", row, traits);
  }
  for (const auto& row : channels()) {
    const auto is = channel_traits(row.name);
    py::dict traits;
    traits["noisy"] = is.noisy;
    traits["fades"] = is.fades;
    traits["aligned"] = is.aligned;
    traits["digital"] = is.digital;
    traits["as_energies"] = is.as_energies;
    traits["uses"] = is.uses;
    tell("channel", row, traits);
  }
  return all;
}

}  // namespace

void bind_tables(py::module_& module) {
  module.def("part_rows", [] {
    std::vector<std::tuple<std::string, std::string, std::string, std::string>> all;
    for (const auto& role : roles()) {
      for (const auto& row : role.rows) all.emplace_back(role.setting, row.name, row.sentence, row.source);
    }
    return all;
  });
  module.def("part_facts", &part_facts);
}

}  // namespace laser
