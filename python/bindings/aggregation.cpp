// The round, for gradients and processes of Python.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <pybind11/stl.h>

#include <limits>
#include <optional>

#include "bindings.hpp"
#include "laser/aggregate/aggregator.hpp"
#include "laser/aggregate/presence.hpp"
#include "laser/core/error.hpp"
#include "laser/core/memory.hpp"
#include "laser/train/training.hpp"
#include "laser/train/transmission.hpp"

namespace laser {
namespace {

namespace py = pybind11;
using Shapes = std::vector<std::pair<std::string, Shape>>;

/// A collective whose exchanges Python makes: an object with workers, first_worker, sum(tensors) and
/// gather_rows(numbers, columns).
class PythonCollective final : public Collective {
 public:
  explicit PythonCollective(py::object processes)
      : processes_(std::move(processes)),
        workers_(processes_.attr("workers").cast<std::int64_t>()),
        first_(processes_.attr("first_worker").cast<std::int64_t>()) {}
  ~PythonCollective() override {
    const py::gil_scoped_acquire lock;
    processes_ = py::object();
  }
  PythonCollective(const PythonCollective&) = delete;
  PythonCollective& operator=(const PythonCollective&) = delete;

  [[nodiscard]] std::int64_t workers() const override { return workers_; }
  [[nodiscard]] std::int64_t first_worker() const override { return first_; }
  [[nodiscard]] std::int64_t local_workers() const override { return 1; }
  void sum(std::span<at::Tensor> values) override {
    const py::gil_scoped_acquire lock;
    processes_.attr("sum")(std::vector<at::Tensor>(values.begin(), values.end()));
  }
  std::vector<double> gather_rows(std::vector<double> local, std::int64_t columns) override {
    const py::gil_scoped_acquire lock;
    return processes_.attr("gather_rows")(local, columns).cast<std::vector<double>>();
  }

 private:
  py::object processes_;
  std::int64_t workers_, first_;
};

Layout layout_of(const Shapes& shapes) {
  Layout layout;
  for (const auto& [name, shape] : shapes) layout.add(name, shape);
  return layout;
}

/// An aggregator with the processes that it works in.
class BoundAggregator {
 public:
  BoundAggregator(const Shapes& shapes, const Settings& settings, const std::optional<py::object>& processes,
                  bool double_precision, std::optional<std::uint64_t> seed, const PythonParts& objects)
      : experiment_(resolve(settings)),
        collective_(processes ? std::unique_ptr<Collective>(std::make_unique<PythonCollective>(*processes))
                              : std::make_unique<Solo>(experiment_.workers)),
        parts_(make_parts(experiment_.algorithm, parts_of(objects))),
        aggregator_(layout_of(shapes), experiment_.algorithm, parts_,
                    seed.value_or(static_cast<std::uint64_t>(experiment_.seed)), *collective_,
                    double_precision ? at::kDouble : at::kFloat) {}

  at::Tensor round(std::int64_t index, double power, const at::Tensor& gradients, bool diagnose,
                   double scale) {
    const at::NoGradGuard no_grad;
    auto estimate = at::zeros({aggregator_.layout().size}, gradients.options());
    const bool noisy = parts_.channel->noisy();
    report_ = aggregator_.round(index, noisy ? power : std::numeric_limits<double>::infinity(), gradients,
                                estimate, diagnose, scale);
    return estimate;
  }

  [[nodiscard]] py::dict report() const {
    py::dict result;
    result["energy"] = report_.energy;
    result["symbols"] = report_.symbols;
    result["unheard"] = report_.unheard;
    result["budget_use"] = report_.budget_use;
    const auto add = [&](const char* name, const std::optional<double>& value) {
      if (value) result[name] = *value;
    };
    add("memory_ratio", report_.memory_ratio);
    add("lambda", report_.lambda);
    add("delta", report_.delta);
    add("noise_energy", report_.noise_energy);
    add("sent_ratio", report_.sent_ratio);
    add("waiting_rounds", report_.waiting_rounds);
    return result;
  }

  NamedTensors state() {
    const at::NoGradGuard no_grad;
    NamedTensors copy;  // the rounds to come change the tensors themselves
    for (const auto& [name, tensor] : aggregator_.state()) copy[name] = tensor.clone();
    return copy;
  }
  void load_state(const NamedTensors& state) {
    const at::NoGradGuard no_grad;
    aggregator_.load_state(state);
  }

 private:
  Experiment experiment_;
  std::unique_ptr<Collective> collective_;
  Parts parts_;
  Aggregator aggregator_;
  RoundReport report_;
};

}  // namespace

void bind_aggregation(py::module_& module) {
  const auto unlocked = py::call_guard<py::gil_scoped_release>();
  py::class_<BoundAggregator>(module, "Aggregator")
      .def(py::init<const Shapes&, const Settings&, const std::optional<py::object>&, bool,
                    std::optional<std::uint64_t>, const PythonParts&>(),
           py::arg("shapes"), py::arg("settings"), py::arg("processes") = py::none(),
           py::arg("double_precision") = false, py::arg("seed") = py::none(),
           py::arg("parts") = PythonParts{})
      .def("round", &BoundAggregator::round, py::arg("index"), py::arg("power"), py::arg("gradients"),
           py::arg("diagnose") = false, py::arg("scale") = 1.0, unlocked)
      .def("report", &BoundAggregator::report)
      .def("state", &BoundAggregator::state, unlocked)
      .def("load_state", &BoundAggregator::load_state, py::arg("state"), unlocked);
  module.def("awake_workers",
             [](std::uint64_t seed, std::int64_t round, std::int64_t workers, double participation) {
               const auto awake = awake_workers(awake_key(seed, round), workers, participation);
               return std::vector<bool>(awake.begin(), awake.end());
             });
  module.def("keep_freed_memory", &keep_freed_memory);
  module.def("memory_lag", [](const Shapes& shapes, const Settings& settings) {
    return memory_lag(resolve(settings), layout_of(shapes));
  });
  module.def("symbols_a_round", [](const Shapes& shapes, const Settings& settings) {
    return symbols_a_round(resolve(settings), layout_of(shapes));
  });
  module.def("compression_saves", [](const Shape& shape, std::int64_t rank, double at_least) {
    Layout layout;
    layout.add("tensor", shape);
    const auto& layer = layout.layers[0];
    const auto symbols = effective_rank(layer, rank) * (layer.rows + layer.columns);
    return layer.is_matrix() && static_cast<double>(layer.size) > at_least * static_cast<double>(symbols);
  });
}

}  // namespace laser
