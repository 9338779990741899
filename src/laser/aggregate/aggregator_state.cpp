// What lasts between rounds, and what a round tells about itself when asked.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "laser/aggregate/message_filter.hpp"
#include "laser/aggregate/round.hpp"
#include "laser/compress/fused_pass.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/large_pages.hpp"

namespace laser {

void Aggregator::Impl::apply_pending() {
  if (memory_type_ == at::kBFloat16) return;  // rounding once more would change the rounds that follow
  std::vector<PassTensor> passes;
  for (auto& tensor : tensors_) {
    if (!tensor.pending.defined()) continue;
    PassTensor task;
    task.memory = tensor.memory;
    task.pending = std::exchange(tensor.pending, {});
    passes.push_back(std::move(task));
  }
  fused_pass(passes);
}

at::Tensor Aggregator::Impl::memory(std::size_t layer) {
  if (layer >= tensors_.size())
    fail(ExitCode::kConfiguration,
         "there is no tensor {} of {}. HINT: they are counted from 0, in the layout's order", layer,
         tensors_.size());
  apply_pending();
  const auto& tensor = tensors_[layer];
  if (!tensor.pending.defined()) return tensor.memory;
  auto memory = tensor.memory.to(tensor.pending.left.scalar_type());
  subtract_product(memory, tensor.pending);
  return memory;
}

NamedTensors Aggregator::Impl::state() {
  if (broken_ >= 0) {
    fail(ExitCode::kConfiguration,
         "round {} ended in the middle: there is no state to save. HINT: the one saved before it", broken_);
  }
  apply_pending();
  auto result = filter_->state();
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    const auto& name = layout_.layers[l].name;
    if (tensors_[l].memory.defined()) result["memory/" + name] = tensors_[l].memory;
    if (tensors_[l].held.defined()) result["held/" + name] = tensors_[l].held;
    for (std::size_t pass = 0; pass < tensors_[l].squares.size(); ++pass) {
      const auto& squares = tensors_[l].squares[pass];
      if (squares.defined()) result[fmt::format("expected/{}/{}", name, pass)] = squares;
    }
    if (tensors_[l].pending.defined()) {
      result["pending/" + name + "/left"] = tensors_[l].pending.left;
      result["pending/" + name + "/right"] = tensors_[l].pending.right;
    }
    const auto prefix = "shared/" + name + "/";
    for (const auto& [key, value] : tensors_[l].shared) result[prefix + key] = value;
  }
  return result;
}

void Aggregator::Impl::forget_asleep(std::span<const char> awake) {
  if (std::ssize(awake) != collective_.local_workers()) {
    fail(ExitCode::kConfiguration, "{} workers are said to be awake or not, and {} are here", awake.size(),
         collective_.local_workers());
  }
  apply_pending();
  for (std::size_t i = 0; i < awake.size(); ++i) {
    if (awake[i] != 0) continue;
    const auto row = static_cast<std::int64_t>(i);
    filter_->forget(row);
    for (auto& tensor : tensors_) {
      if (tensor.memory.defined()) tensor.memory[row].zero_();
      if (!tensor.pending.defined()) continue;
      auto& factors = tensor.pending;  // one of them at least is the worker's own
      (factors.left.dim() == 3 ? factors.left : factors.right)[row].zero_();
    }
  }
}

bool Aggregator::has_rows(const std::string& name, const at::Tensor& tensor) {
  return MessageFilter::is_of_filter(name) || name.starts_with("memory/") ||
         (name.starts_with("pending/") && tensor.dim() == 3);
}

namespace {

/// A saved state, of which copies are taken name by name.
class SavedState {
 public:
  explicit SavedState(const NamedTensors& state) : state_(state) {}
  /// A copy of the tensor. Throws Error (data) where there is none of these sizes and type, or it is not
  /// finite.
  at::Tensor take(const std::string& name, at::IntArrayRef sizes, at::ScalarType type) {
    const auto found = state_.find(name);
    if (found == state_.end() || !found->second.defined() || found->second.sizes() != sizes ||
        found->second.scalar_type() != type || !found->second.device().is_cpu()) {
      fail(ExitCode::kData,
           "the saved state has no tensor '{}' of the right shape and type. HINT: one that the same model, "
           "settings and number type saved",
           name);
    }
    auto copy = empty_in_large_pages(sizes, type).copy_(found->second);
    const double own = largest_magnitude(copy);
    if (!std::isfinite(own)) {
      fail(ExitCode::kData, "the saved state's tensor '{}' is not finite. HINT: one saved earlier", name);
    }
    largest_ = std::max(largest_, own);
    taken_.insert(name);
    return copy;
  }
  /// The largest magnitude of what was taken.
  [[nodiscard]] double largest() const { return largest_; }
  /// Throws Error (data) for a tensor that nobody has taken.
  void check_all_taken() const {
    for (const auto& [name, tensor] : state_) {
      if (taken_.contains(name)) continue;
      fail(ExitCode::kData,
           "the saved state has a tensor '{}', which this method does not keep of this model. HINT: the "
           "method, the settings and the model that it was saved with",
           name);
    }
  }

 private:
  const NamedTensors& state_;
  std::set<std::string> taken_;
  double largest_ = 0;
};

}  // namespace

void Aggregator::Impl::load_state(const NamedTensors& state) {
  const auto workers = collective_.local_workers();
  SavedState saved(state);
  auto filter = std::make_shared<MessageFilter>(*filter_);
  filter->load_state(state, workers, [&](const std::string& name, at::IntArrayRef sizes) {
    return saved.take(name, sizes, type_);
  });
  auto tensors = tensors_;
  for (std::size_t l = 0; l < tensors.size(); ++l) {
    auto& tensor = tensors[l];
    const auto& layer = layout_.layers[l];
    const auto memory = "memory/" + layer.name, left = "pending/" + layer.name + "/left",
               right = "pending/" + layer.name + "/right", held = "held/" + layer.name;
    tensor.memory = remembers(tensor) && state.contains(memory)
                        ? saved.take(memory, {workers, layer.rows, layer.columns}, memory_type_)
                        : at::Tensor();
    tensor.pending = {};
    tensor.held = holds(tensor) && state.contains(held) ? saved.take(held, {layer.rows, layer.columns}, type_)
                                                        : at::Tensor();
    if (state.contains(left)) {
      const auto part = [&](const std::string& name, std::int64_t size) {  // [r, size] or [K, r, size]
        const auto found = state.find(name);
        const auto dimensions = found == state.end() ? 0 : found->second.dim();
        const auto rank = dimensions < 2 ? 0 : found->second.size(-2);
        const Shape each{workers, rank, size}, common{rank, size};
        return saved.take(name, dimensions == 3 ? each : common, type_);
      };
      tensor.pending = {part(left, layer.rows), part(right, layer.columns)};
      if (!tensor.memory.defined() || tensor.pending.left.size(-2) != tensor.pending.right.size(-2))
        fail(ExitCode::kData, "the saved state has factors 'pending/{}' of another shape", layer.name);
    }
    for (std::size_t pass = 0; pass < tensor.squares.size(); ++pass) {
      const auto name = fmt::format("expected/{}/{}", layer.name, pass);
      const auto found = state.find(name);
      const bool known = expected_norms_ && found != state.end() && found->second.dim() == 2;
      tensor.squares[pass] =
          known ? saved.take(name, {collective_.workers(), found->second.size(1)}, at::kDouble)
                : at::Tensor();
    }
    for (auto& [key, value] : tensor.shared)
      value = saved.take("shared/" + layer.name + "/" + key, value.sizes(), value.scalar_type());
  }
  saved.check_all_taken();
  filter_ = std::move(filter);
  tensors_ = std::move(tensors);
  reach_ = saved.largest() * std::sqrt(static_cast<double>(layout_.size));
  broken_ = -1;
}

namespace {

/// ||t||^2 in double, a worker's part after the other where they lie apart.
double energy_of(const at::Tensor& t) {
  if (t.dim() > 2) {
    double sum = 0;
    for (std::int64_t i = 0; i < t.size(0); ++i) sum += energy_of(t[i]);
    return sum;
  }
  const bool wide = t.scalar_type() == at::kFloat || t.scalar_type() == at::kDouble;
  const double norm = group_norms((wide ? t : t.to(at::kFloat)).reshape({1, 1, -1}))[0];
  return norm * norm;
}

}  // namespace

/// sum_i ||M_i - C(M_i)||^2 of the local workers, formed aside; the messages are still there.
double Aggregator::Impl::own_residual(const Round& round, std::size_t l) const {
  auto rest = round.exchanges[l].message.clone(at::MemoryFormat::Contiguous);
  tensors_[l].compressor->subtract_own(round.exchanges[l], rest);
  return energy_of(rest);
}

void Aggregator::Impl::diagnose(Round& round, double scale) {
  const auto here = static_cast<std::size_t>(collective_.local_workers());
  const auto first = static_cast<std::size_t>(collective_.first_worker());
  const auto taking_part =
      std::count_if(round.awake.begin(), round.awake.end(), [](char a) { return a != 0; });
  double message = 0, residual = 0, come_in = 0;
  std::vector<double> own_memory(here, 0.0), own_gradient(here, 0.0);
  apply_pending();
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    const bool counts = is_compressed(tensors_[l]) && round.silent[l] == 0;
    const auto kept = counts ? memory(l) : at::Tensor();  // e_i
    double left = 0;
    for (std::size_t i = 0; i < here; ++i) {
      const auto row = static_cast<std::int64_t>(i);
      if (round.awake[first + i] != 0) {  // what the others have computed, if anything, has not come in
        const double energy = energy_of(round.gradients[l][row]);
        own_gradient[i] += energy;
        if (counts) come_in += scale * scale * energy;
      }
      if (!kept.defined()) continue;
      const double energy = energy_of(kept[row]);
      own_memory[i] += energy;
      left += energy;
    }
    if (!counts) continue;
    for (const double norm : round.raw_norms.column(l)) message += norm * norm;
    residual += parts_.feedback->traits().residual ? left : round.residuals[l];
  }
  // [K, 4] ratio and kept energy of each; of all local ones what is left, and came in
  std::vector<double> rows;
  for (std::size_t i = 0; i < here; ++i) {
    rows.push_back(own_gradient[i] > 0 ? std::sqrt(own_memory[i] / own_gradient[i]) : 0.0);
    rows.push_back(own_memory[i]);
    rows.push_back(i == 0 ? residual : 0.0);
    rows.push_back(i == 0 ? come_in : 0.0);
  }
  rows = collective_.gather_rows(std::move(rows), 4);
  double memory_sum = 0, waiting = 0;
  residual = come_in = 0;
  for (std::size_t i = 0; i < rows.size(); i += 4) {
    memory_sum += rows[i];
    waiting += rows[i + 1];
    residual += rows[i + 2];
    come_in += rows[i + 3];
  }
  const bool remembers = parts_.feedback->traits().remembers;
  if (remembers) round.report.memory_ratio = memory_sum / static_cast<double>(taking_part);
  if (remembers && come_in > 0) round.report.waiting_rounds = waiting / come_in;
  if (message > 0) {
    round.report.delta = 1 - residual / message;
    if (come_in > 0) round.report.sent_ratio = (message - residual) / come_in;
  }
  if (round.clean.defined()) {
    const double signal = energy_of(round.clean);
    double noise = 0;
    for (std::size_t l = 0; l < tensors_.size(); ++l)
      noise += energy_of(round.estimate[l] - slice(round.clean, l));
    round.report.noise_energy = noise / (scale * scale);
    if (signal > 0) round.report.lambda = noise / signal;
  }
}

}  // namespace laser
