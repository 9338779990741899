// A task: data and model together, seen by the trainer as "round number in, gradients out".
//
// Which examples a worker sees in a round is a function of the seed and the round, so that a resumed run
// needs no more than the number of its next round. What a model keeps beside its parameters (the running
// statistics of BatchNorm) is the task's state.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "laser/compress/compressor.hpp"
#include "laser/core/layout.hpp"
#include "laser/data/sharding.hpp"
#include "laser/model/evaluation.hpp"
#include "laser/train/language_options.hpp"

namespace laser {

/// What a run asks of its task.
struct TaskOptions {
  std::string name = "mnist";
  std::string data;              // of one's own: a folder of images, or a file of tensors
  std::string model = "linear";  // for them: linear | mlp | resnet18
  std::string data_dir;
  bool verify_data = true;
  std::int64_t workers = 16;  // in all
  std::int64_t first_worker = 0;
  std::int64_t local_workers = 0;  // of them here, from first_worker on; 0: all
  std::int64_t batch_size = 128;
  std::uint64_t seed = 1;
  ShardingOptions shards;   // with shards.held_out the accuracies are those of the held-out examples
  std::int64_t epochs = 1;  // of the whole run: no batch beyond is prepared
  std::int64_t width = 64;  // of the first stage of a ResNet18, or of GPT-2
  std::vector<std::int64_t> hidden{128};  // units of an MLP's hidden layers
  std::int64_t image_size = 32;           // side of CIFAR's images: 32, or 16 or 8 by averaging
  bool augment = true;                    // random crops and flips
  std::int64_t train_images = 0;          // of CIFAR, the first ones; 0: all
  std::int64_t test_images = 0;
  std::string precision = "float32";  // of activations: float32 | bfloat16
  std::string device = "auto";        // auto | cpu | cuda
  LanguageOptions language;
};

class Task {
 public:
  virtual ~Task() = default;
  [[nodiscard]] virtual const Layout& layout() const = 0;
  /// Rounds until all training examples have been used once, or what stands for it where examples are drawn
  /// anew every time.
  [[nodiscard]] virtual std::int64_t rounds_per_epoch() const = 0;
  /// Initial parameters [d], a function of the seed.
  [[nodiscard]] virtual at::Tensor initial_parameters() const = 0;
  /// Gradients in round `round` of the local workers that are awake, awake[i] for worker i, at `parameters`
  /// [d], or with a model of its own for each worker, [K, d]: worker i's mean over its examples is written to
  /// row i of `gradients` [K, d], its mean loss to losses[i]. The rows of the others may hold anything. Same
  /// bits for every number of threads.
  virtual void gradients(const at::Tensor& parameters, std::int64_t round, at::Tensor& gradients,
                         std::span<double> losses, std::span<const char> awake) = 0;
  /// What evaluation needs beside the parameters, [B]: running statistics of worker 0 (spec 5). Undefined for
  /// models without any.
  [[nodiscard]] virtual at::Tensor statistics() const { return {}; }
  /// Test accuracy and loss at `parameters` [d] with `statistics` [B].
  virtual Evaluation evaluate(const at::Tensor& parameters, const at::Tensor& statistics) = 0;
  /// Whether the paper's metric is of the averaged weights, so that they are kept and evaluated.
  [[nodiscard]] virtual bool averages() const { return true; }
  /// Mean loss over the whole split that `evaluate` looks at a sample of; nothing where it looks
  /// at all of it.
  virtual std::optional<double> whole_loss(const at::Tensor& /*parameters*/) { return {}; }
  /// Main memory that gradients and evaluation take beside parameters and gradients, bytes, estimated; 0
  /// where it is small or not known.
  [[nodiscard]] virtual double working_bytes() const { return 0; }
  /// Whether weight decay acts on a tensor where it spares normalisation (spec 5, E2).
  [[nodiscard]] virtual bool decays(const Layer&) const { return true; }
  /// What is really used, for the records: the device, the data's folder and hashes, the examples of a worker
  /// in a round.
  [[nodiscard]] virtual std::map<std::string, std::string> facts() const { return {}; }
  /// What lasts beside the parameters, each tensor with a row for every local worker.
  [[nodiscard]] virtual NamedTensors state() const { return {}; }
  /// Restores what `state` returned. Throws Error (data) if it does not fit.
  virtual void load_state(const NamedTensors&) {}
};

/// The local workers that are awake, in ascending order.
std::vector<std::int64_t> rows_awake(std::span<const char> awake);
/// The models of the workers `rows`: `parameters` [d] where all have one, else their rows of [K, d].
at::Tensor models_of(const at::Tensor& parameters, std::span<const std::int64_t> rows);
/// Moves rows 0, 1, ... of `bank` [K, ...] and of `losses` [K], computed for the workers `rows`, to theirs.
void spread_rows(at::Tensor& bank, std::span<double> losses, std::span<const std::int64_t> rows);

/// Data sets read once and shared by the runs of a process.
class TaskData;
/// The data of the task `options.name`. Throws Error (data, configuration).
std::shared_ptr<TaskData> load_task_data(const TaskOptions& options);

/// A task over shared data. Tasks hold scratch, so every run makes its own.
std::unique_ptr<Task> make_task(std::shared_ptr<TaskData> data, const TaskOptions& options);

/// Names of all tasks, for option lists.
std::vector<std::string> task_names();

/// Whether the task `name` is on data of the user's own, with one of several models.
bool has_own_data(const std::string& name);
/// Names of the models for data of one's own.
std::vector<std::string> model_choices();

/// The model of a task: it decides which options matter.
enum class ModelKind { kOneLayer, kPerceptron, kResidual, kLanguage };
/// That of the task `name`, on data of one's own of the model `model`; one layer where the name is unknown.
ModelKind model_of(const std::string& name, const std::string& model);

}  // namespace laser
