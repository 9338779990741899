// What the tasks on MNIST share: the data and who sees what when. Private to the tasks' own files.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "laser/data/mnist.hpp"
#include "laser/data/sharding.hpp"
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
  [[nodiscard]] const Sharding& sharding() const { return sharding_; }
  [[nodiscard]] const Mnist& mnist() const { return data_->mnist; }
  [[nodiscard]] std::map<std::string, std::string> facts() const;
  [[nodiscard]] const GreyImages& train() const { return data_->mnist.train; }
  /// The test images, or those held out of training.
  [[nodiscard]] const GreyImages& evaluated() const { return held_out_ ? *held_out_ : data_->mnist.test; }
  /// Goes to a round; its epoch's orders are kept.
  void open(std::int64_t round);
  /// Images of the round of a worker, counted from the first one here.
  [[nodiscard]] std::span<const std::int32_t> batch(std::size_t worker) const {
    return sharding_.batch(orders_[worker], step_);
  }

 private:
  std::shared_ptr<const MnistData> data_;
  Sharding sharding_;
  std::optional<GreyImages> held_out_;
  std::int64_t epoch_ = -1;  // of the orders
  std::int64_t step_ = 0;
  std::int64_t first_worker_;
  std::vector<std::vector<std::int32_t>> orders_;  // of each local worker
};

/// The task with one hidden layer (mnist_mlp_task.cpp).
std::unique_ptr<Task> make_mnist_mlp(std::shared_ptr<const MnistData> data, const TaskOptions& options);

}  // namespace laser
