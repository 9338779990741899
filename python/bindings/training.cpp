// The simulator's runs round by round, checkpoint files, and who sees which example.
#include "laser/train/training.hpp"

#include <ATen/ATen.h>
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "laser/data/sharding.hpp"
#include "laser/train/checkpoint.hpp"
#include "laser/train/trainer.hpp"

namespace laser {
namespace {

namespace py = pybind11;

/// A training run with its task.
class BoundTraining {
 public:
  explicit BoundTraining(const Settings& settings)
      : experiment_(resolve(settings)),
        task_(make_task(load_task_data(task_options(experiment_)), task_options(experiment_))),
        training_(experiment_, *task_) {}

  void advance(std::int64_t rounds) {
    for (std::int64_t t = 0; t < rounds; ++t) {
      if (training_.finished()) return;
      (void)training_.advance();
    }
  }
  NamedTensors state() {
    NamedTensors copy;
    for (const auto& [name, tensor] : training_.state()) copy[name] = tensor.clone();
    return copy;
  }
  void load_state(const NamedTensors& state) { training_.load_state(state); }
  [[nodiscard]] std::int64_t rounds() const { return training_.rounds(); }
  [[nodiscard]] std::int64_t rounds_done() const { return training_.rounds_done(); }
  [[nodiscard]] double accuracy() const { return training_.summary().final_accuracy; }
  [[nodiscard]] std::vector<std::pair<std::string, Shape>> shapes() const {
    std::vector<std::pair<std::string, Shape>> result;
    for (const auto& layer : task_->layout().layers) result.emplace_back(layer.name, layer.shape);
    return result;
  }

 private:
  Experiment experiment_;
  std::unique_ptr<Task> task_;
  Training training_;
};

}  // namespace

void bind_training(py::module_& module) {
  const auto unlocked = py::call_guard<py::gil_scoped_release>();
  py::class_<BoundTraining>(module, "Training")
      .def(py::init<const Settings&>(), py::arg("settings"))
      .def("advance", &BoundTraining::advance, py::arg("rounds") = 1, unlocked)
      .def("state", &BoundTraining::state, unlocked)
      .def("load_state", &BoundTraining::load_state, py::arg("state"), unlocked)
      .def_property_readonly("rounds", &BoundTraining::rounds)
      .def_property_readonly("rounds_done", &BoundTraining::rounds_done)
      .def_property_readonly("accuracy", &BoundTraining::accuracy)
      .def_property_readonly("shapes", &BoundTraining::shapes);
  module.def("settings", [](const Settings& settings) { return to_map(resolve(settings)); });
  module.def("write_tensors", [](const std::string& path, const NamedTensors& tensors,
                                 const std::map<std::string, std::string>& texts) {
    write_checkpoint(path, {tensors, texts});
  });
  module.def("read_tensors", [](const std::string& path) {
    auto checkpoint = read_checkpoint(path);
    return std::make_pair(std::move(checkpoint.tensors), std::move(checkpoint.texts));
  });
  module.def("epoch_order", [](std::int64_t examples, std::int64_t workers, std::int64_t batch_size,
                               std::uint64_t seed, std::int64_t epoch, std::int64_t worker) {
    return Sharding(examples, workers, batch_size, seed).epoch_order(epoch, worker);
  });
}

}  // namespace laser
