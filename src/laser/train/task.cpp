#include "laser/train/task.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "laser/core/error.hpp"
#include "laser/core/resources.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/data/mnist.hpp"

namespace laser {

class TaskData {
 public:
  virtual ~TaskData() = default;
  [[nodiscard]] virtual std::unique_ptr<Task> make(std::shared_ptr<TaskData> self) const = 0;
};

namespace {

class MnistData final : public TaskData {
 public:
  MnistData(const std::string& folder, bool verify)
      : mnist(load_mnist(folder.empty() ? resource_root() / "data" / "mnist" : std::filesystem::path(folder),
                         verify)) {}
  [[nodiscard]] std::unique_ptr<Task> make(std::shared_ptr<TaskData> self) const override;
  Mnist mnist;
};

/// MNIST with a single linear layer (spec 5, E4).
class MnistTask final : public Task {
 public:
  explicit MnistTask(std::shared_ptr<const MnistData> data)
      : data_(std::move(data)), model_(Mnist::kPixels, Mnist::kClasses, Mnist::kMean, Mnist::kStd) {}

  [[nodiscard]] const Layout& layout() const override { return model_.layout(); }
  [[nodiscard]] std::int64_t examples() const override { return data_->mnist.train.size(); }

  [[nodiscard]] at::Tensor initial_parameters(std::uint64_t seed) const override {
    auto parameters = at::empty({layout().size}, at::kFloat);
    model_.initialise(span_of(parameters), seed);
    return parameters;
  }

  void gradients(const at::Tensor& parameters, std::span<const std::span<const std::int32_t>> batches,
                 at::Tensor& gradients, std::span<double> losses) override {
    model_.load(span_of(parameters));
    scratch_.resize(batches.size());
    const auto& train = data_->mnist.train;
    const auto rows = train.rows();
    float* bank = gradients.data_ptr<float>();
    // A worker's gradient is computed by one thread whatever their number, so the bits are the same.
    at::parallel_for(
        0, static_cast<std::int64_t>(batches.size()), 1, [&](std::int64_t begin, std::int64_t end) {
          for (auto i = begin; i < end; ++i) {
            const auto worker = static_cast<std::size_t>(i);
            const auto size = static_cast<std::size_t>(layout().size);
            const std::span<float> row(bank + i * gradients.stride(0), size);
            losses[worker] = model_.gradient(rows, train.labels, batches[worker], row, scratch_[worker]);
          }
        });
  }

  Evaluation evaluate(const at::Tensor& parameters) override {
    model_.load(span_of(parameters));
    return model_.evaluate(data_->mnist.test.rows(), data_->mnist.test.labels);
  }

 private:
  static std::span<float> span_of(const at::Tensor& tensor) {
    LASER_CHECK(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat);
    return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
  }

  std::shared_ptr<const MnistData> data_;
  OneLayer model_;
  std::vector<OneLayerScratch> scratch_;
};

std::unique_ptr<Task> MnistData::make(std::shared_ptr<TaskData> self) const {
  return std::make_unique<MnistTask>(std::static_pointer_cast<const MnistData>(std::move(self)));
}

struct TaskEntry {
  const char* name;
  std::shared_ptr<TaskData> (*load)(const std::string& folder, bool verify);
};

/// The tasks' table of contents.
constexpr TaskEntry kTasks[] = {
    {"mnist",
     [](const std::string& folder, bool verify) -> std::shared_ptr<TaskData> {
       return std::make_shared<MnistData>(folder, verify);
     }},
};

}  // namespace

std::shared_ptr<TaskData> load_task_data(const std::string& task, const std::string& data_dir, bool verify) {
  for (const auto& entry : kTasks) {
    if (task == entry.name) return entry.load(data_dir, verify);
  }
  fail(ExitCode::kConfiguration, "task = '{}' is unknown", task);
}

std::unique_ptr<Task> make_task(std::shared_ptr<TaskData> data) {
  const auto& maker = *data;
  return maker.make(std::move(data));
}

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const auto& entry : kTasks) names.emplace_back(entry.name);
  return names;
}

}  // namespace laser
