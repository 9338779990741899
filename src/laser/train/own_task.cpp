// Data of a user's own with a linear classifier, a perceptron or a ResNet18.
#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "laser/core/fail.hpp"
#include "laser/data/worker_batches.hpp"
#include "laser/model/perceptron.hpp"
#include "laser/model/resnet18.hpp"
#include "laser/train/own_data.hpp"
#include "laser/train/task_data.hpp"

namespace laser {
namespace {

class OwnTaskData final : public TaskData {
 public:
  explicit OwnTaskData(OwnData own) : data(std::move(own)) {}
  [[nodiscard]] std::unique_ptr<Task> make(std::shared_ptr<TaskData> self,
                                           const TaskOptions& options) const override;
  OwnData data;
};

/// The shards as the options say. Throws Error (configuration) where they don't fit the data.
Sharding shards_of(const OwnData& data, const TaskOptions& options) {
  const auto classes = data.train.labels;
  if (options.shards.kind != "clients") {
    constexpr std::int64_t kMostSpread = 256;
    if (options.shards.kind != "iid" && data.classes > kMostSpread) {
      fail(ExitCode::kConfiguration,
           "sharding = '{}' spreads at most {} classes, and the data have {}. HINT: sharding=iid, or clients "
           "in the file",
           options.shards.kind, kMostSpread, data.classes);
    }
    std::vector<std::uint8_t> labels(static_cast<std::size_t>(data.train.size()), 0);
    const auto* label = classes.data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < labels.size() && data.classes <= kMostSpread; ++i)
      labels[i] = static_cast<std::uint8_t>(label[i]);
    return {labels, options.shards, options.workers, options.batch_size, options.seed};
  }
  if (data.clients.empty()) {
    fail(ExitCode::kConfiguration,
         "sharding = 'clients', but the data do not say whose an example is. HINT: 'clients' in the file of "
         "task=tensors, or sharding=dirichlet");
  }
  const std::int64_t clients = *std::ranges::max_element(data.clients) + 1;
  if (options.workers > clients) {
    fail(ExitCode::kConfiguration, "workers = {}, and the data are of {} clients. HINT: workers={}",
         options.workers, clients, clients);
  }
  auto owners = data.clients;
  for (auto& owner : owners) owner = static_cast<std::int32_t>(owner % options.workers);
  return {owners, options.shards.held_out, options.workers, options.batch_size, options.seed};
}

/// What does not depend on the model: who sees what when, and what is evaluated.
class OwnTask : public Task {
 public:
  OwnTask(std::shared_ptr<const OwnTaskData> data, const TaskOptions& options)
      : data_(std::move(data)),
        options_(options),
        batches_(shards_of(data_->data, options), options.first_worker, local_workers(options)) {
    const auto held_out = batches_.sharding().held_out();
    evaluated_.assign(held_out.begin(), held_out.end());
    if (held_out.empty()) {
      evaluated_.resize(static_cast<std::size_t>(data_->data.test.size()));
      std::iota(evaluated_.begin(), evaluated_.end(), 0);
    }
  }

  [[nodiscard]] std::int64_t rounds_per_epoch() const override {
    return batches_.sharding().rounds_per_epoch();
  }
  [[nodiscard]] std::map<std::string, std::string> facts() const override {
    return facts_of(data_->data.facts, at::kCPU, batches_.size());
  }

 protected:
  [[nodiscard]] const OwnData& data() const { return data_->data; }
  [[nodiscard]] const TaskOptions& options() const { return options_; }
  [[nodiscard]] std::int64_t batch_size() const { return batches_.size(); }
  /// Those of the workers `rows` in a round, one worker after the other.
  OwnExamples batch(std::int64_t round, std::span<const std::int64_t> rows) {
    batches_.open(round);
    std::vector<std::int32_t> numbers;
    for (const auto i : rows) {
      const auto own = batches_.batch(static_cast<std::size_t>(i));
      numbers.insert(numbers.end(), own.begin(), own.end());
    }
    return data().chosen(data().train, numbers);
  }
  /// The evaluation over pieces of those that it is of, `score(examples)` of each, weighted by their size.
  template <class Score>
  Evaluation over_pieces(Score score) const {
    constexpr std::size_t kPiece = 2000;
    const auto& from = batches_.sharding().held_out().empty() ? data().test : data().train;
    Evaluation whole{.accuracy = 0, .loss = 0};
    for (std::size_t first = 0; first < evaluated_.size(); first += kPiece) {
      const auto part = std::span(evaluated_).subspan(first, std::min(kPiece, evaluated_.size() - first));
      const auto found = score(data().chosen(from, part));
      const double share = static_cast<double>(part.size()) / static_cast<double>(evaluated_.size());
      whole.accuracy += share * found.accuracy;
      whole.loss += share * found.loss;
    }
    return whole;
  }

 private:
  std::shared_ptr<const OwnTaskData> data_;
  TaskOptions options_;
  WorkerBatches batches_;
  std::vector<std::int32_t> evaluated_;
};

/// With a perceptron; without hidden layers that is a linear classifier.
class OwnPerceptronTask final : public OwnTask {
 public:
  OwnPerceptronTask(std::shared_ptr<const OwnTaskData> own, const TaskOptions& options)
      : OwnTask(std::move(own), options),
        model_(data().numbers(), options.model == "linear" ? std::vector<std::int64_t>() : options.hidden,
               data().classes) {}

  [[nodiscard]] const Layout& layout() const override { return model_.layout(); }
  [[nodiscard]] at::Tensor initial_parameters() const override {
    auto parameters = at::empty({layout().size}, at::kFloat);
    model_.initialise(parameters, options().seed);
    return parameters;
  }

  void gradients(const at::Tensor& parameters, std::int64_t round, at::Tensor& gradients,
                 std::span<double> losses, std::span<const char> awake) override {
    const auto rows = rows_awake(awake);
    const auto workers = std::ssize(rows);
    if (workers == 0) return;
    const auto examples = batch(round, rows);
    auto bank = gradients.narrow(0, 0, workers);
    model_.gradients(models_of(parameters, rows),
                     {examples.inputs.reshape({workers, examples.labels.size(0) / workers, -1}),
                      examples.labels.view({workers, -1})},
                     bank, losses.first(rows.size()));
    spread_rows(gradients, losses, rows);
  }

  Evaluation evaluate(const at::Tensor& parameters, const at::Tensor&) override {
    return over_pieces([&](const OwnExamples& some) {
      return model_.evaluate(parameters, {some.inputs.flatten(1), some.labels});
    });
  }

  [[nodiscard]] double working_bytes() const override {
    double units = static_cast<double>(data().numbers());  // of all layers, with their derivatives
    for (const auto& layer : layout().layers)
      units += layer.is_matrix() ? 3 * static_cast<double>(layer.rows) : 0;
    return sizeof(float) * units * static_cast<double>(local_workers(options()) * batch_size() + 2000);
  }

 private:
  Perceptron model_;
};

class OwnResidualTask final : public OwnTask {
 public:
  OwnResidualTask(std::shared_ptr<const OwnTaskData> own, const TaskOptions& options)
      : OwnTask(std::move(own), options),
        network_(data().classes, options.width,
                 {.channels_last = true, .bfloat16 = options.precision == "bfloat16"}),
        buffers_(network_.initial_buffers().repeat({local_workers(options), 1})) {
    const auto shape = data().train.inputs.sizes();
    if (shape.size() != 4 || (shape[1] != 1 && shape[1] != 3)) {
      fail(ExitCode::kConfiguration,
           "model = 'resnet18' takes images [n, 1 or 3, rows, columns], and the inputs are [{}]. HINT: "
           "model=mlp",
           fmt::join(shape, ", "));
    }
  }

  [[nodiscard]] const Layout& layout() const override { return network_.layout(); }
  [[nodiscard]] at::Tensor initial_parameters() const override {
    auto parameters = at::empty({layout().size}, at::kFloat);
    network_.initialise(parameters, options().seed);
    return parameters;
  }

  void gradients(const at::Tensor& parameters, std::int64_t round, at::Tensor& gradients,
                 std::span<double> losses, std::span<const char> awake) override {
    const auto rows = rows_with_statistics(awake, options().first_worker);
    if (rows.empty()) return;
    const auto examples = batch(round, rows);
    const auto which = at::tensor(at::ArrayRef<std::int64_t>(rows), at::kLong);
    const auto buffers = buffers_.index_select(0, which);
    network_.gradients(models_of(parameters, rows), {coloured(examples.inputs), examples.labels}, buffers,
                       gradients.narrow(0, 0, std::ssize(rows)), losses.first(rows.size()));
    buffers_.index_copy_(0, which, buffers);
    spread_rows(gradients, losses, rows);
  }

  [[nodiscard]] at::Tensor statistics() const override { return buffers_[0].clone(); }

  Evaluation evaluate(const at::Tensor& parameters, const at::Tensor& statistics) override {
    return over_pieces([&](const OwnExamples& some) {
      return network_.evaluate(parameters, statistics, {coloured(some.inputs), some.labels});
    });
  }

  [[nodiscard]] double working_bytes() const override {
    const auto shape = data().train.inputs.sizes();
    return network_.activation_bytes(local_workers(options()), batch_size(), std::max(shape[2], shape[3]),
                                     at::get_num_threads());
  }

  [[nodiscard]] bool decays(const Layer& layer) const override { return ResNet18::decays(layer); }

  [[nodiscard]] NamedTensors state() const override { return {{"statistics", buffers_}}; }
  void load_state(const NamedTensors& state) override { load_statistics(state, buffers_); }

 private:
  /// Three channels, of which grey images have the same three times, as the network's convolutions like them.
  static at::Tensor coloured(const at::Tensor& images) {
    return images.expand({images.size(0), 3, images.size(2), images.size(3)})
        .contiguous(at::MemoryFormat::ChannelsLast);
  }

  ResNet18 network_;
  at::Tensor buffers_;  // [K, B]
};

std::unique_ptr<Task> OwnTaskData::make(std::shared_ptr<TaskData> self, const TaskOptions& options) const {
  auto own = std::static_pointer_cast<const OwnTaskData>(std::move(self));
  if (options.model == "resnet18") return std::make_unique<OwnResidualTask>(std::move(own), options);
  return std::make_unique<OwnPerceptronTask>(std::move(own), options);
}

}  // namespace

std::shared_ptr<TaskData> load_image_data(const TaskOptions& options) {
  return std::make_shared<OwnTaskData>(load_images(options.data));
}

std::shared_ptr<TaskData> load_tensor_data(const TaskOptions& options) {
  return std::make_shared<OwnTaskData>(load_tensors(options.data));
}

}  // namespace laser
