// CIFAR-10 and CIFAR-100 with ResNet18 (spec 5, E2 and E3).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "laser/core/fail.hpp"
#include "laser/data/cifar.hpp"
#include "laser/data/prefetcher.hpp"
#include "laser/data/training_batches.hpp"
#include "laser/model/device.hpp"
#include "laser/model/resnet18.hpp"
#include "laser/train/task_data.hpp"

namespace laser {
namespace {

/// Images [n, 3, s, s] in channels-last memory over n x 3 s^2 floats that lie pixel by pixel.
at::Tensor as_images(std::vector<float>& pixels, const ImageFormat& format) {
  const auto count = static_cast<std::int64_t>(pixels.size() / format.values());
  return at::from_blob(pixels.data(), {count, format.side, format.side, ColorImages::kChannels}, at::kFloat)
      .permute({0, 3, 1, 2});
}

/// How many of `size` images are used where `wanted` were asked for. Throws Error (configuration).
std::int64_t used(const char* setting, std::int64_t wanted, std::int64_t size) {
  if (wanted > size)
    fail(ExitCode::kConfiguration, "{} = {}, but the data set has {}. HINT: 0 means all", setting, wanted,
         size);
  return wanted == 0 ? size : wanted;
}

class CifarData final : public TaskData {
 public:
  explicit CifarData(Cifar images) : cifar(std::move(images)) {}
  [[nodiscard]] std::unique_ptr<Task> make(std::shared_ptr<TaskData> self,
                                           const TaskOptions& options) const override;
  Cifar cifar;
};

class CifarTask final : public Task {
 public:
  CifarTask(std::shared_ptr<const CifarData> data, const TaskOptions& options)
      : data_(std::move(data)),
        options_(options),
        device_(find_device(options.device)),
        format_(PixelLayout::kChannelsLast, options.image_size),
        sharding_(data_->cifar.train.labels().first(static_cast<std::size_t>(
                      used("train_images", options.train_images, data_->cifar.train.size()))),
                  options.shards, options.workers, options.batch_size, options.seed),
        network_(data_->cifar.train.classes(), options.width,
                 {.channels_last = true, .bfloat16 = options.precision == "bfloat16"}),
        buffers_(network_.initial_buffers().repeat({local_workers(options), 1}).to(device_)),
        bank_(device_.is_cpu()
                  ? at::Tensor()
                  : at::empty({local_workers(options), network_.layout().size}, at::TensorOptions(device_))),
        test_images_(used("test_images", options.test_images, data_->cifar.test.size())) {}

  [[nodiscard]] const Layout& layout() const override { return network_.layout(); }
  [[nodiscard]] std::int64_t rounds_per_epoch() const override { return sharding_.rounds_per_epoch(); }
  [[nodiscard]] std::map<std::string, std::string> facts() const override {
    return facts_of(data_->cifar.facts, device_, std::min(options_.batch_size, sharding_.shard_size()));
  }

  [[nodiscard]] at::Tensor initial_parameters() const override {
    auto parameters = at::empty({layout().size}, at::kFloat);
    network_.initialise(parameters, options_.seed);
    return parameters;
  }

  void gradients(const at::Tensor& parameters, std::int64_t round, at::Tensor& gradients,
                 std::span<double> losses, std::span<const char> awake) override {
    if (!batches_ || round != next_round_) prepare_from(round);
    auto& batch = batches_->next();
    next_round_ = round + 1;
    const auto labels =
        at::from_blob(batch.labels.data(), {static_cast<std::int64_t>(batch.labels.size())}, at::kLong);
    LabelledImages examples{as_images(batch.pixels, format_), labels};
    const auto rows = rows_with_statistics(awake, options_.first_worker);
    if (rows.empty()) return;
    const auto count = static_cast<std::int64_t>(rows.size());
    if (rows.size() < awake.size()) {
      const auto n = batch.images_per_worker;
      std::vector<std::int64_t> images;
      for (const auto i : rows) {
        for (std::int64_t j = 0; j < n; ++j) images.push_back(i * n + j);
      }
      const auto chosen = at::tensor(at::ArrayRef<std::int64_t>(images), at::kLong);
      examples.images =
          examples.images.index_select(0, chosen).contiguous(examples.images.suggest_memory_format());
      examples.labels = labels.index_select(0, chosen);
    }
    const auto which =
        at::tensor(at::ArrayRef<std::int64_t>(rows), at::TensorOptions(at::kLong).device(device_));
    const auto buffers = rows.size() < awake.size() ? buffers_.index_select(0, which) : buffers_;
    network_.gradients(models_of(parameters, rows).to(device_),
                       {examples.images.to(device_), examples.labels.to(device_)}, buffers,
                       (bank_.defined() ? bank_ : gradients).narrow(0, 0, count), losses.first(rows.size()));
    if (bank_.defined()) gradients.narrow(0, 0, count).copy_(bank_.narrow(0, 0, count));
    if (rows.size() < awake.size()) buffers_.index_copy_(0, which, buffers);
    spread_rows(gradients, losses, rows);
  }

  [[nodiscard]] double working_bytes() const override {
    const auto workers = local_workers(options_), n = std::min(options_.batch_size, sharding_.shard_size());
    const auto tested =
        sharding_.held_out().empty() ? test_images_ : static_cast<std::int64_t>(sharding_.held_out().size());
    // Two batches are under way (prefetcher.hpp).
    const double pixels =
        static_cast<double>(2 * workers * n + tested) * static_cast<double>(format_.values()) * sizeof(float);
    return pixels + (device_.is_cpu()
                         ? network_.activation_bytes(workers, n, format_.side, at::get_num_threads())
                         : 0);
  }

  [[nodiscard]] at::Tensor statistics() const override { return buffers_[0].cpu(); }

  Evaluation evaluate(const at::Tensor& parameters, const at::Tensor& statistics) override {
    if (!test_.images.defined()) {
      const auto held_out = sharding_.held_out();
      const auto& images = held_out.empty() ? data_->cifar.test : data_->cifar.train;
      std::vector<std::int32_t> numbers(held_out.begin(), held_out.end());
      if (held_out.empty()) {
        numbers.resize(static_cast<std::size_t>(test_images_));
        std::iota(numbers.begin(), numbers.end(), 0);
      }
      test_pixels_.resize(numbers.size() * format_.values());
      std::vector<std::int64_t> labels(numbers.size());
      write_images(images, numbers, {.enabled = false}, format_, test_pixels_, labels);
      test_.images = as_images(test_pixels_, format_).to(device_);
      test_.labels = at::tensor(at::ArrayRef<std::int64_t>(labels), at::kLong).to(device_);
    }
    return network_.evaluate(parameters.to(device_), statistics.to(device_), test_);
  }

  [[nodiscard]] bool decays(const Layer& layer) const override { return ResNet18::decays(layer); }

  [[nodiscard]] NamedTensors state() const override { return {{"statistics", buffers_.cpu()}}; }

  void load_state(const NamedTensors& state) override { load_statistics(state, buffers_); }

 private:
  /// Has the batches from `round` on made by another thread.
  void prepare_from(std::int64_t round) {
    batches_.reset();
    const auto producer = std::make_shared<TrainingBatches>(
        data_->cifar.train, sharding_,
        TrainingBatches::Workers{options_.first_worker, local_workers(options_)}, options_.seed, format_,
        options_.augment);
    batches_.emplace(round, std::max(options_.epochs * rounds_per_epoch(), round + 1),
                     [producer](std::int64_t i, ImageBatch& batch) { producer->fill(i, batch); });
  }

  std::shared_ptr<const CifarData> data_;
  TaskOptions options_;
  at::Device device_;
  ImageFormat format_;
  Sharding sharding_;
  ResNet18 network_;
  at::Tensor buffers_;  // [K, B] on the device
  at::Tensor bank_;     // [K, d] on the device; undefined on the CPU
  std::int64_t test_images_;
  std::vector<float> test_pixels_;
  LabelledImages test_;
  std::int64_t next_round_ = 0;
  std::optional<Prefetcher<ImageBatch>> batches_;  // last: its thread uses the others
};

std::unique_ptr<Task> CifarData::make(std::shared_ptr<TaskData> self, const TaskOptions& options) const {
  return std::make_unique<CifarTask>(std::static_pointer_cast<const CifarData>(std::move(self)), options);
}

}  // namespace

std::shared_ptr<TaskData> load_cifar_data(const TaskOptions& options) {
  return cifar_data(load_cifar(options.name, options.data_dir, options.verify_data));
}

std::shared_ptr<TaskData> cifar_data(Cifar images) { return std::make_shared<CifarData>(std::move(images)); }

}  // namespace laser
