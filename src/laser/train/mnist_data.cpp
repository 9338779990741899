#include "laser/train/mnist_data.hpp"

#include <algorithm>

namespace laser {

MnistData::MnistData(const std::string& data_dir, bool verify) : mnist(load_mnist(data_dir, verify)) {}

MnistRounds::MnistRounds(std::shared_ptr<const MnistData> data, const TaskOptions& options)
    : data_(std::move(data)),
      sharding_(data_->mnist.train.labels, options.shards, options.workers, options.batch_size, options.seed),
      first_worker_(options.first_worker),
      orders_(static_cast<std::size_t>(local_workers(options))) {
  if (!sharding_.held_out().empty()) held_out_ = data_->mnist.train.chosen(sharding_.held_out());
}

std::map<std::string, std::string> MnistRounds::facts() const {
  return facts_of(data_->mnist.facts, at::kCPU, std::min(sharding_.batch_size(), sharding_.shard_size()));
}

void MnistRounds::open(std::int64_t round) {
  const auto epoch = round / sharding_.rounds_per_epoch();
  step_ = round % sharding_.rounds_per_epoch();
  if (epoch == epoch_) return;
  epoch_ = epoch;
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    orders_[i] = sharding_.epoch_order(epoch, first_worker_ + static_cast<std::int64_t>(i));
  }
}

std::shared_ptr<TaskData> load_mnist_data(const TaskOptions& options) {
  return std::make_shared<MnistData>(options.data_dir, options.verify_data);
}

}  // namespace laser
