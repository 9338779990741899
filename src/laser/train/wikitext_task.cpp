// WikiText-2 and WikiText-103 with GPT-2 (spec 5, E1).
//
// Every worker draws its windows from the whole training text, with replacement: there are no shards and no
// passes, so `epoch_rounds` rounds count as an epoch.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "laser/core/error.hpp"
#include "laser/data/data_files.hpp"
#include "laser/data/text_windows.hpp"
#include "laser/data/token_selection.hpp"
#include "laser/data/wikitext.hpp"
#include "laser/model/device.hpp"
#include "laser/model/gpt2.hpp"
#include "laser/train/task_data.hpp"

namespace laser {
namespace {

class WikiTextData final : public TaskData {
 public:
  explicit WikiTextData(const TaskOptions& options)
      : encoder(load_byte_pair_vocabulary(
            ready_folder(find_data_set("gpt2-bpe"), options.data_dir, options.verify_data))),
        texts(ready_set(find_data_set(options.name == "wikitext2" ? "wikitext-2" : "wikitext-103"),
                        options.data_dir, options.verify_data)),
        text(load_wikitext(texts.folder, token_folders(options.data_dir), encoder)) {}
  [[nodiscard]] std::unique_ptr<Task> make(std::shared_ptr<TaskData> self,
                                           const TaskOptions& options) const override;
  BytePairEncoder encoder;
  ReadySet texts;
  WikiText text;
};

class WikiTextTask final : public Task {
 public:
  WikiTextTask(std::shared_ptr<const WikiTextData> data, const TaskOptions& options)
      : data_(std::move(data)),
        options_(options),
        device_(find_device(options.device)),
        train_(data_->text.train.tokens()),
        validation_(data_->text.validation.tokens()),
        network_({.layers = options.language.layers,
                  .width = options.width,
                  .context = options.language.context,
                  .vocabulary = options.language.vocabulary,
                  .biases = options.language.biases},
                 {.heads = options.language.heads,
                  .dropout = options.language.dropout,
                  .bfloat16 = options.precision == "bfloat16",
                  .recompute_blocks = options.language.recompute}),
        bank_(device_.is_cpu()
                  ? at::Tensor()
                  : at::empty({local_workers(options), network_.layout().size}, at::TensorOptions(device_))) {
    const auto vocabulary = options.language.vocabulary;
    if (vocabulary < static_cast<std::int64_t>(data_->encoder.vocabulary().tokens.size())) {
      const TokenSelection selection(train_, vocabulary);
      selected_[0] = selection.apply(train_);
      selected_[1] = selection.apply(validation_);
      train_ = selected_[0];
      validation_ = selected_[1];
    }
    // The end of the training text takes the place of the validation text, which then plays no part.
    if (const double share = options.shards.held_out; share > 0) {
      const auto held_out = static_cast<std::size_t>(share * static_cast<double>(train_.size()));
      validation_ = train_.last(held_out);
      train_ = train_.first(train_.size() - held_out);
    }
    // A text shorter than a window is known before anything is written.
    for (const auto& text : {train_, validation_})
      (void)random_batch(text, {options.seed, Purpose::kWindows});
  }

  [[nodiscard]] const Layout& layout() const override { return network_.layout(); }
  [[nodiscard]] std::map<std::string, std::string> facts() const override {
    return facts_of(data_->texts.facts, device_, options_.batch_size);
  }
  [[nodiscard]] std::int64_t rounds_per_epoch() const override { return options_.language.epoch_rounds; }

  [[nodiscard]] at::Tensor initial_parameters() const override {
    auto parameters = at::empty({layout().size}, at::kFloat);
    network_.initialise(parameters, options_.seed);
    return parameters;
  }

  void gradients(const at::Tensor& parameters, std::int64_t round, at::Tensor& gradients,
                 std::span<double> losses, std::span<const char> awake) override {
    const auto rows = rows_awake(awake);
    if (rows.empty()) return;
    std::vector<TokenBatches> workers(rows.size());
    for (std::size_t i = 0; i < workers.size(); ++i) {
      const auto worker = options_.first_worker + rows[i];
      for (std::int64_t step = 0; step < options_.language.accumulation; ++step) {
        workers[i].steps.push_back(
            random_batch(train_, training_windows(options_.seed, round, step, worker)));
      }
      workers[i].dropout = {options_.seed, Purpose::kDropout, static_cast<std::uint32_t>(round), 0,
                            static_cast<std::uint32_t>(worker)};
    }
    const auto count = static_cast<std::int64_t>(rows.size());
    network_.gradients(models_of(parameters, rows).to(device_), workers,
                       (bank_.defined() ? bank_ : gradients).narrow(0, 0, count), losses.first(rows.size()));
    if (bank_.defined()) gradients.narrow(0, 0, count).copy_(bank_.narrow(0, 0, count));
    spread_rows(gradients, losses, rows);
  }

  Evaluation evaluate(const at::Tensor& parameters, const at::Tensor&) override {
    std::vector<TokenBatch> batches;
    for (std::int64_t b = 0; b < options_.language.evaluation_batches; ++b)
      batches.push_back(random_batch(validation_, evaluation_windows(options_.seed, b)));
    return {.loss = network_.evaluate(parameters.to(device_), batches)};
  }

  /// The paper evaluates the last weights themselves.
  [[nodiscard]] bool averages() const override { return false; }

  std::optional<double> whole_loss(const at::Tensor& parameters) override {
    if (!options_.language.evaluate_split) return {};
    const auto starts = consecutive_windows(size_of(validation_), options_.language.context);
    const auto size = static_cast<std::size_t>(options_.batch_size);
    std::vector<TokenBatch> batches;
    for (std::size_t first = 0; first < starts.size(); first += size) {
      const auto count = std::min(size, starts.size() - first);
      batches.push_back(batch_at(validation_, std::span(starts).subspan(first, count)));
    }
    return network_.evaluate(parameters.to(device_), batches);
  }

  [[nodiscard]] double working_bytes() const override {
    if (!device_.is_cpu()) return 0;
    const auto at_once = std::min<std::int64_t>(local_workers(options_), at::get_num_threads());
    return static_cast<double>(at_once) *
           network_.activation_bytes(options_.batch_size, options_.language.context);
  }

  /// Matrices of linear layers: neither embeddings nor layer norms.
  [[nodiscard]] bool decays(const Layer& layer) const override {
    return layer.is_matrix() && layer.name.starts_with("h.");
  }

 private:
  static std::int64_t size_of(std::span<const Token> text) { return static_cast<std::int64_t>(text.size()); }

  [[nodiscard]] TokenBatch random_batch(std::span<const Token> text, const StreamKey& key) const {
    return batch_at(text, draw_windows(size_of(text), options_.language.context, options_.batch_size, key));
  }

  /// The windows that begin there, on the device.
  [[nodiscard]] TokenBatch batch_at(std::span<const Token> text, std::span<const std::int64_t> starts) const {
    const auto length = options_.language.context;
    const auto count = static_cast<std::int64_t>(starts.size());
    const auto size = static_cast<std::size_t>(count * length);
    auto inputs = at::empty({count, length}, at::kLong), targets = at::empty_like(inputs);
    copy_windows(text, starts, length, {inputs.data_ptr<std::int64_t>(), size},
                 {targets.data_ptr<std::int64_t>(), size});
    return {inputs.to(device_), targets.to(device_)};
  }

  std::shared_ptr<const WikiTextData> data_;
  TaskOptions options_;
  at::Device device_;
  std::span<const Token> train_;
  std::span<const Token> validation_;
  std::vector<Token> selected_[2];  // both in a smaller vocabulary; empty for the whole one
  Gpt2 network_;
  at::Tensor bank_;  // [K, d] on the device; undefined on the CPU
};

std::unique_ptr<Task> WikiTextData::make(std::shared_ptr<TaskData> self, const TaskOptions& options) const {
  return std::make_unique<WikiTextTask>(std::static_pointer_cast<const WikiTextData>(std::move(self)),
                                        options);
}

}  // namespace

std::shared_ptr<TaskData> load_wikitext_data(const TaskOptions& options) {
  return std::make_shared<WikiTextData>(options);
}

}  // namespace laser
