// MNIST with a single linear layer (spec 5, E4).
#include <ATen/ATen.h>

#include "laser/core/error.hpp"
#include "laser/core/parallel.hpp"
#include "laser/core/resources.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/data/mnist.hpp"
#include "laser/data/sharding.hpp"
#include "laser/model/one_layer.hpp"
#include "laser/train/task_data.hpp"

namespace laser {
namespace {

class MnistData final : public TaskData {
 public:
  MnistData(const std::string& folder, bool verify)
      : mnist(load_mnist(folder.empty() ? resource_root() / "data" / "mnist" : std::filesystem::path(folder),
                         verify)) {}
  [[nodiscard]] std::unique_ptr<Task> make(std::shared_ptr<TaskData> self,
                                           const TaskOptions& options) const override;
  Mnist mnist;
};

class MnistTask final : public Task {
 public:
  MnistTask(std::shared_ptr<const MnistData> data, const TaskOptions& options)
      : data_(std::move(data)),
        first_worker_(options.first_worker),
        sharding_(data_->mnist.train.size(), options.workers, options.batch_size, options.seed),
        seed_(options.seed),
        model_(Mnist::kPixels, Mnist::kClasses, Mnist::kMean, Mnist::kStd),
        scratch_(static_cast<std::size_t>(local_workers(options))) {}

  [[nodiscard]] const Layout& layout() const override { return model_.layout(); }
  [[nodiscard]] std::int64_t rounds_per_epoch() const override { return sharding_.rounds_per_epoch(); }

  [[nodiscard]] at::Tensor initial_parameters() const override {
    auto parameters = at::empty({layout().size}, at::kFloat);
    model_.initialise(span_of(parameters), seed_);
    return parameters;
  }

  void gradients(const at::Tensor& parameters, std::int64_t round, at::Tensor& gradients,
                 std::span<double> losses) override {
    LASER_CHECK(losses.size() == scratch_.size());
    const auto epoch = round / rounds_per_epoch(), step = round % rounds_per_epoch();
    if (epoch != epoch_) {
      epoch_ = epoch;
      orders_.clear();
      for (std::size_t i = 0; i < losses.size(); ++i) {
        orders_.push_back(sharding_.epoch_order(epoch, first_worker_ + static_cast<std::int64_t>(i)));
      }
    }
    model_.load(span_of(parameters));
    const auto& train = data_->mnist.train;
    const auto rows = train.rows();
    const auto size = static_cast<std::size_t>(layout().size);
    float* bank = gradients.data_ptr<float>();
    // A worker's gradient is computed by one thread whatever their number, so the bits are the same.
    for_each_piece(losses.size(), [&](std::size_t i) {
      const std::span<float> row(bank + static_cast<std::int64_t>(i) * gradients.stride(0), size);
      losses[i] = model_.gradient(rows, train.labels, sharding_.batch(orders_[i], step), row, scratch_[i]);
    });
  }

  Evaluation evaluate(const at::Tensor& parameters, const at::Tensor&) override {
    model_.load(span_of(parameters));
    return model_.evaluate(data_->mnist.test.rows(), data_->mnist.test.labels);
  }

 private:
  static std::span<float> span_of(const at::Tensor& tensor) {
    LASER_CHECK(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat);
    return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
  }

  std::shared_ptr<const MnistData> data_;
  std::int64_t first_worker_;
  Sharding sharding_;
  std::uint64_t seed_;
  OneLayer model_;
  std::vector<OneLayerScratch> scratch_;
  std::int64_t epoch_ = -1;                        // of the orders
  std::vector<std::vector<std::int32_t>> orders_;  // of each local worker
};

std::unique_ptr<Task> MnistData::make(std::shared_ptr<TaskData> self, const TaskOptions& options) const {
  return std::make_unique<MnistTask>(std::static_pointer_cast<const MnistData>(std::move(self)), options);
}

}  // namespace

std::shared_ptr<TaskData> load_mnist_data(const TaskOptions& options) {
  return std::make_shared<MnistData>(options.data_dir, options.verify_data);
}

}  // namespace laser
