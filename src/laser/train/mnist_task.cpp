// MNIST with a single linear layer (spec 5, E4).
#include <ATen/ATen.h>

#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/model/one_layer.hpp"
#include "laser/train/mnist_data.hpp"

namespace laser {
namespace {

class MnistTask final : public Task {
 public:
  MnistTask(std::shared_ptr<const MnistData> data, const TaskOptions& options)
      : rounds_(std::move(data), options),
        seed_(options.seed),
        model_(rounds_.mnist().pixels, rounds_.mnist().classes, Mnist::kMean, Mnist::kStd),
        scratch_(static_cast<std::size_t>(local_workers(options))) {}

  [[nodiscard]] const Layout& layout() const override { return model_.layout(); }
  [[nodiscard]] std::int64_t rounds_per_epoch() const override {
    return rounds_.sharding().rounds_per_epoch();
  }
  [[nodiscard]] std::map<std::string, std::string> facts() const override { return rounds_.facts(); }

  [[nodiscard]] at::Tensor initial_parameters() const override {
    auto parameters = at::empty({layout().size}, at::kFloat);
    model_.initialise(span_of(parameters), seed_);
    return parameters;
  }

  void gradients(const at::Tensor& parameters, std::int64_t round, at::Tensor& gradients,
                 std::span<double> losses, std::span<const char> awake) override {
    LASER_CHECK(losses.size() == scratch_.size() && awake.size() == losses.size());
    rounds_.batches().open(round);
    const auto& train = rounds_.train();
    const auto rows = train.rows();
    const auto size = static_cast<std::size_t>(layout().size);
    float* bank = gradients.data_ptr<float>();
    const auto workers = rows_awake(awake);
    const auto work = [&](std::size_t j) {
      const auto i = static_cast<std::size_t>(workers[j]);
      const std::span<float> row(bank + static_cast<std::int64_t>(i) * gradients.stride(0), size);
      losses[i] = model_.gradient(rows, train.labels, rounds_.batches().batch(i), row, scratch_[i]);
    };
    if (parameters.dim() == 2) {  // a model for each worker
      for (std::size_t j = 0; j < workers.size(); ++j) {
        model_.load(span_of(parameters[workers[j]]));
        work(j);
      }
      return;
    }
    model_.load(span_of(parameters));
    // A worker's gradient is computed by one thread whatever their number, so the bits are the same.
    for_each_piece(workers.size(), work);
  }

  [[nodiscard]] double working_bytes() const override {
    constexpr double kLanes = 16;  // of the kernel
    return static_cast<double>(scratch_.size()) * static_cast<double>(rounds_.mnist().pixels) * kLanes *
           sizeof(float);
  }

  Evaluation evaluate(const at::Tensor& parameters, const at::Tensor&) override {
    model_.load(span_of(parameters));
    const auto& images = rounds_.evaluated();
    return model_.evaluate(images.rows(), images.labels);
  }

 private:
  static std::span<float> span_of(const at::Tensor& tensor) {
    LASER_CHECK(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat);
    return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
  }

  MnistRounds rounds_;
  std::uint64_t seed_;
  OneLayer model_;
  std::vector<OneLayerScratch> scratch_;
};

}  // namespace

std::unique_ptr<Task> MnistData::make(std::shared_ptr<TaskData> self, const TaskOptions& options) const {
  auto data = std::static_pointer_cast<const MnistData>(std::move(self));
  if (options.name == "mnist_mlp") return make_mnist_mlp(std::move(data), options);
  if (mnist.classes > OneLayer::kMostClasses) {
    fail(ExitCode::kConfiguration,
         "task = 'mnist' has at most {} classes, and the data {}. HINT: task=mnist_mlp",
         OneLayer::kMostClasses, mnist.classes);
  }
  return std::make_unique<MnistTask>(std::move(data), options);
}

}  // namespace laser
