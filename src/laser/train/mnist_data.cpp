#include "laser/train/mnist_data.hpp"

namespace laser {

MnistData::MnistData(const std::string& data_dir, bool verify) : mnist(load_mnist(data_dir, verify)) {}

MnistRounds::MnistRounds(std::shared_ptr<const MnistData> data, const TaskOptions& options)
    : data_(std::move(data)),
      batches_({data_->mnist.train.labels, options.shards, options.workers, options.batch_size, options.seed},
               options.first_worker, local_workers(options)) {
  if (!sharding().held_out().empty()) held_out_ = data_->mnist.train.chosen(sharding().held_out());
}

std::map<std::string, std::string> MnistRounds::facts() const {
  return facts_of(data_->mnist.facts, at::kCPU, batches_.size());
}

std::shared_ptr<TaskData> load_mnist_data(const TaskOptions& options) {
  return std::make_shared<MnistData>(options.data_dir, options.verify_data);
}

}  // namespace laser
