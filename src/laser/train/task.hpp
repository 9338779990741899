// A task: data and model together, seen by the trainer as "examples in, gradients out".
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "laser/core/layout.hpp"
#include "laser/model/one_layer.hpp"

namespace laser {

class Task {
 public:
  virtual ~Task() = default;
  [[nodiscard]] virtual const Layout& layout() const = 0;
  /// Number of training examples.
  [[nodiscard]] virtual std::int64_t examples() const = 0;
  /// Initial parameters [d], a function of the seed.
  [[nodiscard]] virtual at::Tensor initial_parameters(std::uint64_t seed) const = 0;
  /// Gradients of all local workers at `parameters` [d]: worker i's mean over the examples batches[i] is
  /// written to row i of `gradients` [K, d], its mean loss to losses[i]. Same bits for every number of
  /// threads.
  virtual void gradients(const at::Tensor& parameters, std::span<const std::span<const std::int32_t>> batches,
                         at::Tensor& gradients, std::span<double> losses) = 0;
  /// Test accuracy and loss at `parameters` [d].
  virtual Evaluation evaluate(const at::Tensor& parameters) = 0;
};

/// Data sets read once and shared by the runs of a process.
class TaskData;
std::shared_ptr<TaskData> load_task_data(const std::string& task, const std::string& data_dir, bool verify);

/// A task over shared data. Tasks hold scratch, so every run makes its own.
std::unique_ptr<Task> make_task(std::shared_ptr<TaskData> data);

/// Names of all tasks, for option lists.
std::vector<std::string> task_names();

}  // namespace laser
