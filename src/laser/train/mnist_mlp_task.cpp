// MNIST with hidden layers, one of 128 units by default: a small deep model for studies beyond the paper.
#include <ATen/ATen.h>

#include <algorithm>

#include "laser/model/perceptron.hpp"
#include "laser/train/mnist_data.hpp"

namespace laser {
namespace {

class MnistMlpTask final : public Task {
 public:
  MnistMlpTask(std::shared_ptr<const MnistData> data, const TaskOptions& options)
      : rounds_(std::move(data), options),
        options_(options),
        model_(rounds_.mnist().pixels, options.hidden, rounds_.mnist().classes) {}

  [[nodiscard]] const Layout& layout() const override { return model_.layout(); }
  [[nodiscard]] std::int64_t rounds_per_epoch() const override {
    return rounds_.sharding().rounds_per_epoch();
  }
  [[nodiscard]] std::map<std::string, std::string> facts() const override { return rounds_.facts(); }

  [[nodiscard]] at::Tensor initial_parameters() const override {
    auto parameters = at::empty({layout().size}, at::kFloat);
    model_.initialise(parameters, options_.seed);
    return parameters;
  }

  void gradients(const at::Tensor& parameters, std::int64_t round, at::Tensor& gradients,
                 std::span<double> losses, std::span<const char> awake) override {
    const auto rows = rows_awake(awake);
    const auto workers = static_cast<std::int64_t>(rows.size());
    if (workers == 0) return;
    rounds_.batches().open(round);
    std::vector<std::int32_t> numbers;
    for (const auto i : rows) {
      const auto batch = rounds_.batches().batch(static_cast<std::size_t>(i));
      numbers.insert(numbers.end(), batch.begin(), batch.end());
    }
    const auto examples = dense(rounds_.train(), numbers);
    const auto count = examples.inputs.size(0) / workers;
    auto bank = gradients.narrow(0, 0, workers);
    model_.gradients(models_of(parameters, rows),
                     {examples.inputs.view({workers, count, -1}), examples.labels.view({workers, count})},
                     bank, losses.first(rows.size()));
    spread_rows(gradients, losses, rows);
  }

  [[nodiscard]] double working_bytes() const override {
    const auto workers = local_workers(options_);
    const auto rows = static_cast<double>(workers * rounds_.batches().size());
    const auto tested = static_cast<double>(rounds_.evaluated().size());
    // Inputs, what the hidden layers give and its derivatives; the products before they go into the rows of
    // the gradients; and of the evaluation the inputs, which are kept, and what the layers give.
    double hidden = 0, largest = 0;
    for (const auto& layer : layout().layers) {
      hidden += layer.is_matrix() ? static_cast<double>(layer.rows) : 0;
      largest = std::max(largest, static_cast<double>(layer.size));
    }
    const auto pixels = static_cast<double>(rounds_.mnist().pixels);
    const double numbers = rows * (pixels + 3 * hidden) + static_cast<double>(workers) * largest +
                           tested * (pixels + 2 * hidden);
    return numbers * sizeof(float);
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
  /// Images as rows of normalised numbers [n, pixels] with labels [n].
  static LabelledRows dense(const GreyImages& images, std::span<const std::int32_t> numbers) {
    const auto count = static_cast<std::int64_t>(numbers.size());
    const std::int64_t pixels = std::int64_t{images.side[0]} * images.side[1];
    constexpr double kZero = -Mnist::kMean / Mnist::kStd, kUnit = 1 / (255 * Mnist::kStd);
    LabelledRows rows{at::full({count, pixels}, kZero, at::kFloat), at::empty({count}, at::kLong)};
    float* inputs = rows.inputs.data_ptr<float>();
    auto* labels = rows.labels.data_ptr<std::int64_t>();
    for (const auto number : numbers) {
      const auto n = static_cast<std::size_t>(number);
      for (auto j = images.offsets[n]; j < images.offsets[n + 1]; ++j)
        inputs[images.pixels[j]] = static_cast<float>(kZero + kUnit * images.values[j]);
      *labels++ = images.labels[n];
      inputs += pixels;
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
