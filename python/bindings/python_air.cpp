// Channels and allocations that are written in Python: what the energy of a round does.
#include <cmath>

#include "python_part.hpp"

namespace laser {
namespace {

class PythonChannel final : public Channel {
 public:
  explicit PythonChannel(py::object object)
      : part_(std::move(object)),
        name_(part_.name()),
        noisy_(part_.flag("noisy")),
        fades_(part_.has_own("Channel", "gains")),
        shares_power_(part_.flag("shares_power")) {}
  [[nodiscard]] ChannelTraits traits() const override {
    return {.noisy = noisy_, .shares_power = shares_power_, .fades = fades_};
  }
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    if (!fades_) return Channel::draw(key, std::move(present));
    const py::gil_scoped_acquire lock;
    const py::object moment = exchange_object("", 0, 0, key.round, key.layer, NamedTensors{}, key.seed);
    Link link{numbers_from(part_.get().attr("gains")(present.size(), moment), ".gains", present.size()),
              std::move(present)};
    for (std::size_t i = 0; i < link.gain.size(); ++i) {
      if (link.gain[i] == 0) link.active[i] = 0;
    }
    return link;
  }

 private:
  [[nodiscard]] std::vector<double> numbers_from(const py::object& value, const char* method,
                                                 std::size_t count) const {
    std::vector<double> numbers;
    try {
      for (const auto& item : value) numbers.push_back(py::float_(py::reinterpret_borrow<py::object>(item)));
    } catch (const py::error_already_set&) {
      fail(ExitCode::kConfiguration, "{}{} returned no numbers. HINT: a list of {}", name_, method, count);
    }
    bool fits = numbers.size() == count;
    for (const double number : numbers) fits = fits && std::isfinite(number) && number >= 0;
    if (!fits) {
      fail(ExitCode::kConfiguration, "{}{} returned {}. HINT: {} finite number{}, 0 or above", name_, method,
           fmt::format("[{}]", fmt::join(numbers, ", ")), count, count == 1 ? "" : "s");
    }
    return numbers;
  }

  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    constexpr double kRounding = 1e-9;
    const py::gil_scoped_acquire lock;
    std::vector<double> gains = link.gain, asked(norms.begin(), norms.end()),
                        budget(energies.begin(), energies.end());
    for (std::size_t i = 0; i < gains.size(); ++i) {
      if (link.active[i] == 0) gains[i] = asked[i] = 0;
    }
    const py::object value = part_.get().attr("scale")(gains, asked, budget);
    if (!py::isinstance<py::tuple>(value) || value.cast<py::tuple>().size() != 2) {
      fail(ExitCode::kConfiguration,
           "{}.scale returned no pair. HINT: (amplitudes of the workers, the server's factor)", name_);
    }
    const auto both = value.cast<py::tuple>();
    const auto amplitudes = numbers_from(both[0], ".scale, the amplitudes,", gains.size());
    result.receive_scale = numbers_from(py::make_tuple(both[1]), ".scale, the server's factor,", 1)[0];
    double spent = 0, allowed = 0;
    for (std::size_t i = 0; i < gains.size(); ++i) {
      if (link.active[i] == 0) continue;
      result.amplitude[i] = amplitudes[i];
      const double energy = std::pow(amplitudes[i] * norms[i], 2);
      spent += energy;
      allowed += energies[i];
      if (noisy_ && !shares_power_ && energy > energies[i] * (1 + kRounding)) {
        fail(ExitCode::kConfiguration,
             "{}.scale lets worker {} spend {:g} where it may spend {:g}. HINT: amplitude <= "
             "sqrt(energies[i]) / norms[i]",
             name_, i, energy, energies[i]);
      }
    }
    if (noisy_ && shares_power_ && spent > allowed * (1 + kRounding)) {
      fail(ExitCode::kConfiguration,
           "{}.scale lets the workers spend {:g} where all may spend {:g}. HINT: smaller amplitudes", name_,
           spent, allowed);
    }
  }

  Held part_;
  std::string name_;
  bool noisy_, fades_, shares_power_;
};

class PythonAllocation final : public Allocation {
 public:
  explicit PythonAllocation(py::object object) : part_(std::move(object)), name_(part_.name()) {}
  [[nodiscard]] std::vector<double> weights(const WorkerBlocks& blocks) const override {
    const py::gil_scoped_acquire lock;
    const auto tensor = [](auto numbers, at::ScalarType type) {
      return at::tensor(at::ArrayRef(numbers.data(), numbers.size()), type);
    };
    const py::object told =
        py::module_::import("laser.parts")
            .attr("Blocks")(tensor(blocks.raw_norms, at::kDouble), tensor(blocks.sent_norms, at::kDouble),
                            tensor(blocks.symbols, at::kDouble), tensor(blocks.held, at::kDouble));
    py::object value = part_.get().attr("weights")(told);
    if (py::isinstance(value, py::module_::import("torch").attr("Tensor"))) value = value.attr("tolist")();
    std::vector<double> result;
    try {
      result = value.cast<std::vector<double>>();
    } catch (const py::cast_error&) {
      fail(ExitCode::kConfiguration, "{}.weights returned {}. HINT: [{}], a number for each tensor", name_,
           type_name(value), blocks.symbols.size());
    }
    if (result.size() != blocks.symbols.size()) {
      fail(ExitCode::kConfiguration,
           "{}.weights returned {} numbers for {} tensors. HINT: one for each, in their order", name_,
           result.size(), blocks.symbols.size());
    }
    return result;
  }

 private:
  Held part_;
  std::string name_;
};

}  // namespace

std::shared_ptr<const Channel> python_channel(py::object object) {
  return std::make_shared<PythonChannel>(std::move(object));
}

std::shared_ptr<const Allocation> python_allocation(py::object object) {
  return std::make_shared<PythonAllocation>(std::move(object));
}

}  // namespace laser
