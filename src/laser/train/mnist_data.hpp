// What the tasks on MNIST share: the data and who sees what when. Private to the tasks' own files.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "laser/data/mnist.hpp"
#include "laser/data/worker_batches.hpp"
#include "laser/train/task_data.hpp"

namespace laser {

class MnistData final : public TaskData {
 public:
  MnistData(const std::string& data_dir, bool verify);
  [[nodiscard]] std::unique_ptr<Task> make(std::shared_ptr<TaskData> self,
                                           const TaskOptions& options) const override;
  Mnist mnist;
};

/// The batches of all workers round by round, and the images for the evaluation.
class MnistRounds {
 public:
  MnistRounds(std::shared_ptr<const MnistData> data, const TaskOptions& options);
  [[nodiscard]] const Sharding& sharding() const { return batches_.sharding(); }
  [[nodiscard]] const Mnist& mnist() const { return data_->mnist; }
  [[nodiscard]] std::map<std::string, std::string> facts() const;
  [[nodiscard]] const GreyImages& train() const { return data_->mnist.train; }
  /// The test images, or those held out of training.
  [[nodiscard]] const GreyImages& evaluated() const { return held_out_ ? *held_out_ : data_->mnist.test; }
  [[nodiscard]] WorkerBatches& batches() { return batches_; }
  [[nodiscard]] const WorkerBatches& batches() const { return batches_; }

 private:
  std::shared_ptr<const MnistData> data_;
  WorkerBatches batches_;
  std::optional<GreyImages> held_out_;
};

/// The task with one hidden layer (mnist_mlp_task.cpp).
std::unique_ptr<Task> make_mnist_mlp(std::shared_ptr<const MnistData> data, const TaskOptions& options);

}  // namespace laser
