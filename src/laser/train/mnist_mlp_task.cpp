// MNIST with hidden layers, one of 128 units by default: a small deep model for studies beyond the paper.
#include <ATen/ATen.h>

#include "laser/model/perceptron.hpp"
#include "laser/train/mnist_data.hpp"

namespace laser {
namespace {

class MnistMlpTask final : public Task {
 public:
  MnistMlpTask(std::shared_ptr<const MnistData> data, const TaskOptions& options)
      : rounds_(std::move(data), options),
        options_(options),
        model_(Mnist::kPixels, options.hidden, Mnist::kClasses) {}

  [[nodiscard]] const Layout& layout() const override { return model_.layout(); }
  [[nodiscard]] std::int64_t rounds_per_epoch() const override {
    return rounds_.sharding().rounds_per_epoch();
  }

  [[nodiscard]] at::Tensor initial_parameters() const override {
    auto parameters = at::empty({layout().size}, at::kFloat);
    model_.initialise(parameters, options_.seed);
    return parameters;
  }

  void gradients(const at::Tensor& parameters, std::int64_t round, at::Tensor& gradients,
                 std::span<double> losses) override {
    rounds_.open(round);
    std::vector<std::int32_t> numbers;
    const auto workers = local_workers(options_);
    for (std::int64_t i = 0; i < workers; ++i) {
      const auto batch = rounds_.batch(static_cast<std::size_t>(i));
      numbers.insert(numbers.end(), batch.begin(), batch.end());
    }
    const auto examples = dense(rounds_.train(), numbers);
    const auto count = examples.inputs.size(0) / workers;
    model_.gradients(
        parameters,
        {examples.inputs.view({workers, count, Mnist::kPixels}), examples.labels.view({workers, count})},
        gradients, losses);
  }

  Evaluation evaluate(const at::Tensor& parameters, const at::Tensor&) override {
    if (!evaluated_.inputs.defined()) {
      const auto& images = rounds_.evaluated();
      std::vector<std::int32_t> numbers;
      for (std::int64_t i = 0; i < images.size(); ++i) numbers.push_back(static_cast<std::int32_t>(i));
      evaluated_ = dense(images, numbers);
    }
    return model_.evaluate(parameters, evaluated_);
  }

 private:
  /// Images as rows of normalised numbers [n, 784] with labels [n].
  static LabelledRows dense(const GreyImages& images, std::span<const std::int32_t> numbers) {
    const auto count = static_cast<std::int64_t>(numbers.size());
    constexpr double kZero = -Mnist::kMean / Mnist::kStd, kUnit = 1 / (255 * Mnist::kStd);
    LabelledRows rows{at::full({count, Mnist::kPixels}, kZero, at::kFloat), at::empty({count}, at::kLong)};
    float* inputs = rows.inputs.data_ptr<float>();
    auto* labels = rows.labels.data_ptr<std::int64_t>();
    for (const auto number : numbers) {
      const auto n = static_cast<std::size_t>(number);
      for (auto j = images.offsets[n]; j < images.offsets[n + 1]; ++j)
        inputs[images.pixels[j]] = static_cast<float>(kZero + kUnit * images.values[j]);
      *labels++ = images.labels[n];
      inputs += Mnist::kPixels;
    }
    return rows;
  }

  MnistRounds rounds_;
  TaskOptions options_;
  Perceptron model_;
  LabelledRows evaluated_;
};

}  // namespace

std::unique_ptr<Task> make_mnist_mlp(std::shared_ptr<const MnistData> data, const TaskOptions& options) {
  return std::make_unique<MnistMlpTask>(std::move(data), options);
}

}  // namespace laser
