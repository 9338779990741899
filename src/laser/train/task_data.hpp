// How a task is registered; private to the tasks' own files. To add one: a class here, a line in task.cpp.
#pragma once

#include <c10/core/Device.h>

#include <map>
#include <string>

#include "laser/data/cifar.hpp"
#include "laser/train/task.hpp"

namespace laser {

class TaskData {
 public:
  virtual ~TaskData() = default;
  [[nodiscard]] virtual std::unique_ptr<Task> make(std::shared_ptr<TaskData> self,
                                                   const TaskOptions& options) const = 0;
};

/// What Task::facts says: of the data, the device, and the examples of a worker in a round.
std::map<std::string, std::string> facts_of(std::map<std::string, std::string> data, at::Device device,
                                            std::int64_t batch_size);

/// The local workers that are awake, and worker 0 where it is here: the evaluation is with its statistics
/// (spec 5), which go on while it sleeps. Ascending.
std::vector<std::int64_t> rows_with_statistics(std::span<const char> awake, std::int64_t first_worker);

/// Restores the statistics of BatchNorm [K, B] that `Task::state` returned. Throws Error (data)
/// if they don't fit.
void load_statistics(const NamedTensors& state, at::Tensor& statistics);

/// Number of workers that the task computes for.
inline std::int64_t local_workers(const TaskOptions& options) {
  return options.local_workers > 0 ? options.local_workers : options.workers;
}

std::shared_ptr<TaskData> load_mnist_data(const TaskOptions& options);
std::shared_ptr<TaskData> load_cifar_data(const TaskOptions& options);
std::shared_ptr<TaskData> load_wikitext_data(const TaskOptions& options);
std::shared_ptr<TaskData> load_image_data(const TaskOptions& options);
std::shared_ptr<TaskData> load_tensor_data(const TaskOptions& options);
/// Images that are not in the canonical files, of any number.
std::shared_ptr<TaskData> cifar_data(Cifar images);

}  // namespace laser
