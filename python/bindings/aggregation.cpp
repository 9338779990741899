// The round, for gradients and processes of Python.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <pybind11/stl.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "bindings.hpp"
#include "laser/aggregate/aggregator.hpp"
#include "laser/aggregate/delays.hpp"
#include "laser/aggregate/presence.hpp"
#include "laser/compress/fused_pass.hpp"
#include "laser/core/error.hpp"
#include "laser/core/large_pages.hpp"
#include "laser/core/memory.hpp"
#include "laser/train/training.hpp"
#include "laser/train/transmission.hpp"

namespace laser {
namespace {

namespace py = pybind11;
using Shapes = std::vector<std::pair<std::string, Shape>>;

/// A collective whose exchanges Python makes: an object with workers, first_worker, sum(tensors)
/// and gather_rows(numbers, columns).
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

/// Memory for results that Python may hold on to: handed out anew only once nobody else has it. Two rooms are
/// kept, since a loop holds its last result while the next round runs.
class Rooms {
 public:
  at::Tensor take(std::int64_t size, at::ScalarType type) {
    for (const auto& room : rooms_) {
      if (is_free(room)) return room.numbers;
    }
    auto numbers = empty_in_large_pages({size}, type);
    rooms_[next_] = {numbers, numbers.const_data_ptr()};
    next_ = 1 - next_;
    return numbers;
  }

 private:
  struct Room {
    at::Tensor numbers;
    const void* place = nullptr;
  };
  /// Views, arrays of numpy and storages in Python hold the storage; whoever shares it with other processes
  /// has moved it elsewhere.
  static bool is_free(const Room& room) {
    return room.numbers.defined() && room.numbers.storage().use_count() == 1 &&
           room.numbers.const_data_ptr() == room.place;
  }
  std::array<Room, 2> rooms_;
  std::size_t next_ = 0;
};

/// Neither gradients of gradients nor inference mode, which is a thread's own: a round works in several.
struct PlainNumbers {
  c10::InferenceMode off{false};
  at::NoGradGuard no_grad;
};

/// An aggregator with the processes that it works in.
class BoundAggregator {
 public:
  BoundAggregator(const Shapes& shapes, const Settings& settings, const std::optional<py::object>& processes,
                  bool double_precision, std::optional<std::uint64_t> seed, const PythonParts& objects)
      : experiment_(resolve(settings)),
        collective_(processes ? std::unique_ptr<Collective>(std::make_unique<PythonCollective>(*processes))
                              : std::make_unique<Solo>(experiment_.workers)),
        type_(double_precision ? at::kDouble : at::kFloat),
        aggregator_(layout_of(shapes), experiment_.algorithm, parts_of(objects),
                    seed.value_or(static_cast<std::uint64_t>(experiment_.seed)), *collective_, type_) {}

  /// The estimate [d] of one tensor of gradients [K, ...] a parameter tensor. Its memory is one that nobody
  /// but this aggregator holds any more, where there is one: a round faults in no pages then.
  at::Tensor round(std::int64_t index, double power, const std::vector<at::Tensor>& gradients,
                   bool diagnose) {
    const PlainNumbers plain;
    const auto estimate = rooms_.take(aggregator_.layout().size, type_);
    std::vector<at::Tensor> places;
    for (const auto& layer : aggregator_.layout().layers)
      places.push_back(estimate.narrow(0, layer.offset, layer.size));
    run(index, power, gradients, places, diagnose, {});
    return estimate.detach();  // what is done to a result changes nothing about the room
  }
  /// The same into places of the caller's, which may be those of the gradients. `looked`
  /// is what look() found.
  void round_into(std::int64_t index, double power, const std::vector<at::Tensor>& gradients,
                  const std::vector<at::Tensor>& estimate,
                  const std::optional<std::pair<std::int64_t, double>>& looked) {
    const PlainNumbers plain;
    std::vector<Looked> known;
    if (looked) known.push_back({looked->first, looked->second});
    run(index, power, gradients, estimate, false, known);
  }
  /// Of the first worker here: the first tensor that is not finite, or -1, and the largest magnitude.
  [[nodiscard]] std::pair<std::int64_t, double> look(const std::vector<at::Tensor>& gradients) const {
    const PlainNumbers plain;
    const auto found = aggregator_.look(gradients)[0];
    return {found.bad, found.largest};
  }

  [[nodiscard]] py::dict report() const {
    py::dict result;
    result["energy"] = report_.energy;
    result["symbols"] = report_.symbols;
    result["unheard"] = report_.nobody_heard;
    result["largest"] = report_.largest;
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
    const PlainNumbers plain;
    NamedTensors copy;  // the rounds to come change the tensors themselves
    for (const auto& [name, tensor] : aggregator_.state()) copy[name] = tensor.clone();
    return copy;
  }
  void load_state(const NamedTensors& state) {
    const PlainNumbers plain;
    aggregator_.load_state(state);
  }

 private:
  void run(std::int64_t index, double power, const std::vector<at::Tensor>& gradients,
           const std::vector<at::Tensor>& estimate, bool diagnose, std::span<const Looked> looked) {
    const bool noisy = aggregator_.parts().channel->traits().noisy;
    report_ = aggregator_.round(index, noisy ? power : std::numeric_limits<double>::infinity(),
                                std::span(gradients), std::span(estimate), diagnose, 1.0, looked);
    for (std::size_t l = 0; l < estimate.size(); ++l) {
      auto& largest = report_.largest[l];
      if (!std::isfinite(largest)) largest = largest_magnitude(estimate[l]);
    }
  }

  Experiment experiment_;
  std::unique_ptr<Collective> collective_;
  at::ScalarType type_;
  Aggregator aggregator_;
  Rooms rooms_;
  RoundReport report_;
};

}  // namespace

void bind_aggregation(py::module_& module) {
  const auto unlocked = py::call_guard<py::gil_scoped_release>();
  py::class_<BoundAggregator>(module, "Aggregator")
      .def(py::init([](const Shapes& shapes, const Settings& settings,
                       const std::optional<py::object>& processes, bool double_precision,
                       std::optional<std::uint64_t> seed, const PythonParts& objects) {
             const PlainNumbers plain;
             return std::make_unique<BoundAggregator>(shapes, settings, processes, double_precision, seed,
                                                      objects);
           }),
           py::arg("shapes"), py::arg("settings"), py::arg("processes") = py::none(),
           py::arg("double_precision") = false, py::arg("seed") = py::none(),
           py::arg("parts") = PythonParts{})
      .def("round", &BoundAggregator::round, py::arg("index"), py::arg("power"), py::arg("gradients"),
           py::arg("diagnose") = false, unlocked)
      .def("round_into", &BoundAggregator::round_into, py::arg("index"), py::arg("power"),
           py::arg("gradients"), py::arg("estimate"), py::arg("looked") = py::none(), unlocked)
      .def("look", &BoundAggregator::look, py::arg("gradients"), unlocked)
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
    return memory_lag(resolve(settings).algorithm, layout_of(shapes));
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
