// The simulator's runs round by round, checkpoint files, and who sees which example.
#include "laser/train/training.hpp"

#include <ATen/ATen.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <span>
#include <tuple>

#include "bindings.hpp"
#include "laser/core/fail.hpp"
#include "laser/data/sharding.hpp"
#include "laser/train/checkpoint.hpp"
#include "laser/train/notes.hpp"
#include "laser/train/trainer.hpp"

namespace laser {
namespace {

namespace py = pybind11;

/// A training run with its task.
class BoundTraining {
 public:
  BoundTraining(const Settings& settings, const PythonParts& objects)
      : experiment_(resolve(settings)),
        task_(make_task(load_task_data(task_options(experiment_)), task_options(experiment_))),
        training_(experiment_, *task_, nullptr, parts_of(objects)),
        notes_(notes_on(settings, experiment_, *task_)) {}

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
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] std::map<std::string, std::string> course() const { return course_settings(experiment_); }
  [[nodiscard]] std::int64_t rounds() const { return training_.rounds(); }
  [[nodiscard]] std::int64_t rounds_done() const { return training_.rounds_done(); }
  [[nodiscard]] double accuracy() const { return training_.summary().final_accuracy; }
  [[nodiscard]] double symbols() const { return training_.summary().symbols_per_round; }
  [[nodiscard]] double budget_use() const { return training_.summary().budget_use; }
  [[nodiscard]] std::vector<std::pair<std::string, Shape>> shapes() const {
    std::vector<std::pair<std::string, Shape>> result;
    for (const auto& layer : task_->layout().layers) result.emplace_back(layer.name, layer.shape);
    return result;
  }

 private:
  Experiment experiment_;
  std::unique_ptr<Task> task_;
  Training training_;
  std::vector<std::string> notes_;
};

/// Every setting as (name, group, whether it is a part of the algorithm and so read by a round),
/// found by changing it.
std::vector<std::tuple<std::string, std::string, bool>> setting_groups() {
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  std::vector<std::tuple<std::string, std::string, bool>> result;
  for (const auto& option : list.all()) {
    const Experiment untouched;
    experiment = untouched;
    const auto before = option.get();
    const auto after = another_value(option);
    const Algorithm changed = experiment.algorithm;
    experiment = untouched;
    experiment.algorithm = changed;
    result.emplace_back(option.name, option.group, after != before && option.get() == after);
  }
  return result;
}

/// Every setting as (name, group, unit, range, sentence, default), for people.
std::vector<std::array<std::string, 6>> setting_rows() {
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  std::vector<std::array<std::string, 6>> rows;
  for (const auto& option : list.all())
    rows.push_back({option.name, option.group, option.unit, option.range, option.sentence, option.fallback});
  return rows;
}

/// Examples of `worker` in the order of an epoch, as indices of torch.
at::Tensor order_of(const Sharding& sharding, std::int64_t epoch, std::int64_t worker) {
  return at::tensor(sharding.epoch_order(epoch, worker), at::kInt).to(at::kLong);
}

/// Those of the settings, "name = value", that are not at their defaults and yet without effect: of a
/// compressor, channel or receiver that the other settings do not choose.
std::vector<std::string> without_effect(const Settings& settings) {
  auto resolved = resolve(settings);
  Experiment plain;
  OptionList list, defaults;
  describe(list, resolved);
  describe(defaults, plain);
  std::vector<std::string> result;
  for (const auto& option : list.all()) {
    const bool given = std::any_of(settings.begin(), settings.end(),
                                   [&](const auto& setting) { return setting.first == option.name; });
    if (given && !option.used() && option.get() != defaults.find(option.name).fallback)
      result.push_back(fmt::format("{} = {}", option.name, option.get()));
  }
  return result;
}

}  // namespace

void bind_training(py::module_& module) {
  const auto unlocked = py::call_guard<py::gil_scoped_release>();
  py::class_<BoundTraining>(module, "Training")
      .def(py::init<const Settings&, const PythonParts&>(), py::arg("settings"),
           py::arg("parts") = PythonParts{})
      .def("advance", &BoundTraining::advance, py::arg("rounds") = 1, unlocked)
      .def("state", &BoundTraining::state, unlocked)
      .def("load_state", &BoundTraining::load_state, py::arg("state"), unlocked)
      .def_property_readonly("notes", &BoundTraining::notes)
      .def_property_readonly("course", &BoundTraining::course)
      .def_property_readonly("rounds", &BoundTraining::rounds)
      .def_property_readonly("rounds_done", &BoundTraining::rounds_done)
      .def_property_readonly("accuracy", &BoundTraining::accuracy)
      .def_property_readonly("symbols", &BoundTraining::symbols)
      .def_property_readonly("budget_use", &BoundTraining::budget_use)
      .def_property_readonly("shapes", &BoundTraining::shapes);
  module.def("settings", [](const Settings& settings) { return to_map(resolve(settings)); });
  module.def("setting_groups", &setting_groups);
  module.def("without_effect", &without_effect);
  module.def("write_tensors", [](const std::string& path, const NamedTensors& tensors,
                                 const std::map<std::string, std::string>& texts) {
    write_checkpoint(path, {tensors, texts});
  });
  module.def("read_tensors", [](const std::string& path) {
    auto checkpoint = read_checkpoint(path);
    return std::make_pair(std::move(checkpoint.tensors), std::move(checkpoint.texts));
  });
  py::class_<Sharding>(module, "Sharding")
      .def(py::init([](const at::Tensor& labels, const std::string& kind, double concentration,
                       double held_out, std::int64_t workers, std::int64_t batch_size, std::uint64_t seed) {
             const auto classes = labels.to(at::kByte).contiguous();
             const std::span rows(classes.data_ptr<std::uint8_t>(),
                                  static_cast<std::size_t>(classes.numel()));
             return Sharding(
                 rows, {.kind = kind, .concentration = concentration, .shares = {}, .held_out = held_out},
                 workers, batch_size, seed);
           }),
           py::arg("labels"), py::arg("kind"), py::arg("concentration"), py::arg("held_out"),
           py::arg("workers"), py::arg("batch_size"), py::arg("seed"))
      .def(py::init([](const std::vector<std::int64_t>& sizes, std::int64_t batch_size, std::uint64_t seed) {
             return Sharding(sizes, batch_size, seed);
           }),
           py::arg("sizes"), py::arg("batch_size"), py::arg("seed"))
      .def("shard",
           [](const Sharding& sharding, std::int64_t worker) {
             const auto shard = sharding.shard(worker);
             return at::tensor(std::vector<std::int32_t>(shard.begin(), shard.end()), at::kInt).to(at::kLong);
           })
      .def("held_out",
           [](const Sharding& sharding) {
             const auto rows = sharding.held_out();
             return at::tensor(std::vector<std::int32_t>(rows.begin(), rows.end()), at::kInt).to(at::kLong);
           })
      .def("epoch_order", &order_of, py::arg("epoch"), py::arg("worker"))
      .def_property_readonly("shard_size", &Sharding::shard_size)
      .def_property_readonly("rounds_per_epoch", &Sharding::rounds_per_epoch);
  module.def("setting_rows", &setting_rows);
  module.def("epoch_order", [](std::int64_t examples, std::int64_t workers, std::int64_t batch_size,
                               std::uint64_t seed, std::int64_t epoch, std::int64_t worker) {
    return Sharding(examples, workers, batch_size, seed).epoch_order(epoch, worker);
  });
}

}  // namespace laser
