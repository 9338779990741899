// What workers do between two rounds: one gradient each, or local steps of SGD whose outcome they send, as in
// federated averaging [McMahan et al., arXiv 1602.05629].
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "laser/train/task.hpp"

namespace laser {

struct LocalOptions {
  double learning_rate = 0;  // of a worker's own steps; 0: there are none, workers send gradients
  std::int64_t steps = 1;    // between two rounds, each on the worker's next batch
  double proximal = 0;  // mu of FedProx [Li et al., arXiv 1812.06127]: mu/2 ||w_i - w||^2 in a worker's loss
  std::string asleep = "keep";  // keep | drop: the error memory of workers that do not take part

  [[nodiscard]] bool enabled() const { return learning_rate > 0; }
  /// Rounds in which a worker sees so many batches, rounded up.
  [[nodiscard]] std::int64_t rounds(std::int64_t batches) const { return (batches + steps - 1) / steps; }
};

class LocalWork {
 public:
  /// `task` outlives it.
  LocalWork(LocalOptions options, Task& task) : options_(std::move(options)), task_(task) {}

  /// Rounds until all training examples have been used once, rounded up.
  [[nodiscard]] std::int64_t rounds_per_epoch() const { return options_.rounds(task_.rounds_per_epoch()); }

  /// What the awake workers have to send in a round, from `models` [d] or [K, d], to the rows of `messages`
  /// [K, d]: the gradient of a worker's mean loss, or w - w_i, the difference that its local steps made (to
  /// be stepped against, as a gradient is). losses[i]: mean loss of worker i over its batches. As in
  /// Task::gradients the rows of the others may hold anything, and the bits are those of one thread.
  void messages(const at::Tensor& models, std::int64_t round, at::Tensor& messages, std::span<double> losses,
                std::span<const char> awake);

 private:
  LocalOptions options_;
  Task& task_;
  at::Tensor own_;  // [K, d] the workers' models under way; undefined without local steps
};

}  // namespace laser
