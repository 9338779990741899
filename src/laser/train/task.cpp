#include "laser/train/task.hpp"

#include "laser/core/error.hpp"
#include "laser/train/task_data.hpp"

namespace laser {
namespace {

struct TaskEntry {
  const char* name;
  std::shared_ptr<TaskData> (*load)(const TaskOptions& options);
  bool residual;
};

/// The tasks' table of contents.
constexpr TaskEntry kTasks[] = {
    {"mnist", load_mnist_data, false},
    {"mnist_mlp", load_mnist_data, false},
    {"cifar10", load_cifar_data, true},
    {"cifar100", load_cifar_data, true},
};

}  // namespace

std::shared_ptr<TaskData> load_task_data(const TaskOptions& options) {
  for (const auto& entry : kTasks) {
    if (options.name == entry.name) return entry.load(options);
  }
  fail(ExitCode::kConfiguration, "task = '{}' is unknown", options.name);
}

std::unique_ptr<Task> make_task(std::shared_ptr<TaskData> data, const TaskOptions& options) {
  const auto& maker = *data;
  return maker.make(std::move(data), options);
}

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const auto& entry : kTasks) names.emplace_back(entry.name);
  return names;
}

bool is_residual(const std::string& task) {
  for (const auto& entry : kTasks) {
    if (task == entry.name) return entry.residual;
  }
  return false;
}

}  // namespace laser
