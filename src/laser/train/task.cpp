#include "laser/train/task.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/model/device.hpp"
#include "laser/train/task_data.hpp"

namespace laser {
namespace {

struct TaskEntry {
  const char* name;
  std::shared_ptr<TaskData> (*load)(const TaskOptions& options);
  std::optional<ModelKind> model;  // none: the user chooses
};

/// The tasks' table of contents.
constexpr TaskEntry kTasks[] = {
    {"mnist", load_mnist_data, ModelKind::kOneLayer},
    {"mnist_mlp", load_mnist_data, ModelKind::kPerceptron},
    {"cifar10", load_cifar_data, ModelKind::kResidual},
    {"cifar100", load_cifar_data, ModelKind::kResidual},
    {"wikitext2", load_wikitext_data, ModelKind::kLanguage},
    {"wikitext103", load_wikitext_data, ModelKind::kLanguage},
    {"images", load_image_data, {}},
    {"tensors", load_tensor_data, {}},
};

/// Those for data of one's own.
constexpr std::pair<const char*, ModelKind> kModels[] = {
    {"linear", ModelKind::kOneLayer}, {"mlp", ModelKind::kPerceptron}, {"resnet18", ModelKind::kResidual}};

}  // namespace

std::vector<std::int64_t> rows_awake(std::span<const char> awake) {
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < awake.size(); ++i) {
    if (awake[i] != 0) rows.push_back(static_cast<std::int64_t>(i));
  }
  return rows;
}

std::vector<std::int64_t> rows_with_statistics(std::span<const char> awake, std::int64_t first_worker) {
  auto rows = rows_awake(awake);
  if (first_worker == 0 && awake[0] == 0) rows.insert(rows.begin(), 0);
  return rows;
}

at::Tensor models_of(const at::Tensor& parameters, std::span<const std::int64_t> rows) {
  if (parameters.dim() == 1 || static_cast<std::size_t>(parameters.size(0)) == rows.size()) return parameters;
  return parameters.index_select(0,
                                 at::tensor(at::ArrayRef<std::int64_t>(rows.data(), rows.size()), at::kLong));
}

void spread_rows(at::Tensor& bank, std::span<double> losses, std::span<const std::int64_t> rows) {
  // The last first: no place is needed any more when it is filled
  for (std::size_t j = rows.size(); j-- > 0;) {
    const auto row = static_cast<std::int64_t>(j);
    if (rows[j] == row) continue;
    bank[rows[j]].copy_(bank[row]);
    losses[static_cast<std::size_t>(rows[j])] = losses[j];
  }
}

std::shared_ptr<TaskData> load_task_data(const TaskOptions& options) {
  for (const auto& entry : kTasks) {
    if (options.name != entry.name) continue;
    const auto device = find_device(options.device);
    const bool on_gpu = entry.model == ModelKind::kResidual || entry.model == ModelKind::kLanguage;
    if (options.device != "auto" && !device.is_cpu() && !on_gpu) {
      fail(ExitCode::kConfiguration,
           "task = '{}' computes on the CPU only, not on device = '{}'. HINT: device=cpu", options.name,
           options.device);
    }
    return entry.load(options);
  }
  fail(ExitCode::kConfiguration, "task = '{}' is unknown. HINT: {}", options.name,
       fmt::join(task_names(), ", "));
}

std::unique_ptr<Task> make_task(std::shared_ptr<TaskData> data, const TaskOptions& options) {
  const auto& maker = *data;
  return maker.make(std::move(data), options);
}

std::map<std::string, std::string> facts_of(std::map<std::string, std::string> data, at::Device device,
                                            std::int64_t batch_size) {
  data["device"] = device.str();
  data["batch_size"] = std::to_string(batch_size);
  return data;
}

std::vector<std::string> task_names() { return names_of(kTasks); }

bool has_own_data(const std::string& name) {
  return std::ranges::any_of(kTasks, [&](const auto& entry) { return name == entry.name && !entry.model; });
}

std::vector<std::string> model_choices() {
  std::vector<std::string> names;
  for (const auto& [name, kind] : kModels) names.emplace_back(name);
  return names;
}

ModelKind model_of(const std::string& name, const std::string& model) {
  for (const auto& entry : kTasks) {
    if (name == entry.name && entry.model) return *entry.model;
  }
  const auto* chosen = std::ranges::find(kModels, model, [](const auto& entry) { return entry.first; });
  return has_own_data(name) && chosen != std::end(kModels) ? chosen->second : ModelKind::kOneLayer;
}

void load_statistics(const NamedTensors& state, at::Tensor& statistics) {
  const auto found = state.find("statistics");
  if (found == state.end() || found->second.sizes() != statistics.sizes() ||
      found->second.scalar_type() != at::kFloat) {
    fail(ExitCode::kData, "the saved state has no BatchNorm statistics of the right shape");
  }
  statistics.copy_(found->second);
}

}  // namespace laser
