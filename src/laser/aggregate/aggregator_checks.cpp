// A round is refused before it changes anything: what it is given is checked first, and where numbers near
// the end of their range might leave it on the way, what lasts is kept aside until the round is through.
//
// The message M is written over the memory e, and e can be had back from it to rounding only. So
// gradients are looked through before the fused pass, a pass that reads and does not write; the bits of e
// stay what they were.
#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "laser/aggregate/message_filter.hpp"
#include "laser/aggregate/round.hpp"
#include "laser/compress/fused_pass.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"

namespace laser {
namespace {

/// Far from the end of the range of float and of double, and of squares of doubles: what is smaller can be
/// multiplied by bases, added over workers and rounds and amplified by noise.
double comfortable(at::ScalarType type) { return type == at::kDouble ? 1e140 : 1e25; }

/// Throws Error (configuration) unless the tensor has the numbers that a round works on.
void check_numbers(const char* what, const at::Tensor& tensor, at::ScalarType type) {
  if (!tensor.defined()) fail(ExitCode::kConfiguration, "there are no {}", what);
  if (!tensor.device().is_cpu() || tensor.layout() != at::kStrided) {
    fail(ExitCode::kConfiguration,
         "the {} lie on '{}' as {}. HINT: .cpu(), and .to_dense() where it is sparse", what,
         tensor.device().str(), tensor.layout() == at::kStrided ? "a plain tensor" : "a sparse tensor");
  }
  if (tensor.scalar_type() != type) {
    fail(ExitCode::kConfiguration, "the {} are {}, and this aggregator is made for {}. HINT: .to({})", what,
         at::toString(tensor.scalar_type()), at::toString(type),
         type == at::kDouble ? "torch.float64" : "torch.float32");
  }
}

}  // namespace

void Aggregator::Impl::check_arguments(std::int64_t index, double budget, double scale) const {
  if (broken_ >= 0) {
    fail(ExitCode::kConfiguration,
         "round {} ended in the middle, and the memories are neither those before it nor those after. HINT: "
         "load_state() with a saved state, or a new aggregator",
         broken_);
  }
  // The number of a round is 32 bits of the address of its random numbers, and "the round after" is used too.
  if (index < 0 || index >= std::numeric_limits<std::uint32_t>::max()) {
    fail(ExitCode::kConfiguration,
         "round {} has no random numbers of its own: rounds count from 0 to 2^32 - 2", index);
  }
  if (parts_.channel->traits().noisy && !(std::isfinite(budget) && budget >= 0)) {
    fail(ExitCode::kConfiguration,
         "the power of round {} is {}: this channel needs a finite number, 0 or above. HINT: for exact "
         "communication set channel=noiseless",
         index, budget);
  }
  if (!(std::isfinite(scale) && scale > 0)) {
    fail(ExitCode::kConfiguration,
         "the scale of the message is {} in round {}: it must be a finite number above 0. HINT: 1, or the "
         "learning rate",
         scale, index);
  }
}

void Aggregator::Impl::check_whole(const at::Tensor& gradients, const at::Tensor& estimate) const {
  check_numbers("gradients", gradients, type_);
  check_numbers("numbers of the estimate", estimate, type_);
  const at::IntArrayRef sizes = gradients.sizes();
  if (sizes.size() != 2 || sizes[0] != collective_.local_workers() || sizes[1] != layout_.size) {
    fail(ExitCode::kConfiguration,
         "the gradients have the shape [{}], and this aggregator is made for [{}, {}]: a row for each worker "
         "here, a column for each parameter",
         fmt::join(sizes, ", "), collective_.local_workers(), layout_.size);
  }
  if (estimate.numel() != layout_.size || !estimate.is_contiguous()) {
    fail(ExitCode::kConfiguration,
         "the estimate has the shape [{}]{}, and this aggregator fills {} contiguous numbers",
         fmt::join(estimate.sizes(), ", "), estimate.is_contiguous() ? "" : " with gaps", layout_.size);
  }
}

/// [K, m, n] of each tensor. Throws Error (configuration) where the parts do not fit the layout.
std::vector<at::Tensor> Aggregator::Impl::parts_of_gradients(std::span<const at::Tensor> gradients) const {
  if (gradients.size() != layout_.layers.size()) {
    fail(ExitCode::kConfiguration, "there are gradients of {} tensors, and this aggregator is made for {}",
         gradients.size(), layout_.layers.size());
  }
  std::vector<at::Tensor> parts;
  for (std::size_t l = 0; l < gradients.size(); ++l) {
    const auto& layer = layout_.layers[l];
    const auto workers = collective_.local_workers();
    check_numbers("gradients", gradients[l], type_);
    if (gradients[l].dim() == 0 || gradients[l].size(0) != workers ||
        gradients[l].numel() != workers * layer.size || !gradients[l][0].is_contiguous()) {
      fail(ExitCode::kConfiguration,
           "the gradients of tensor '{}' have the shape [{}], and this aggregator is made for {} workers "
           "with {} "
           "contiguous numbers each",
           layer.name, fmt::join(at::IntArrayRef(gradients[l].sizes()), ", "), workers, layer.size);
    }
    parts.push_back(gradients[l].view({workers, layer.rows, layer.columns}));
  }
  return parts;
}

/// [m, n] of each tensor. Throws Error (configuration) where the parts do not fit the layout.
std::vector<at::Tensor> Aggregator::Impl::parts_of_estimate(std::span<const at::Tensor> estimate) const {
  if (estimate.size() != layout_.layers.size()) {
    fail(ExitCode::kConfiguration, "there are places for {} estimates, and this aggregator fills {}",
         estimate.size(), layout_.layers.size());
  }
  std::vector<at::Tensor> parts;
  for (std::size_t l = 0; l < estimate.size(); ++l) {
    const auto& layer = layout_.layers[l];
    check_numbers("numbers of the estimate", estimate[l], type_);
    if (estimate[l].numel() != layer.size || !estimate[l].is_contiguous()) {
      fail(
          ExitCode::kConfiguration,
          "the estimate of tensor '{}' has the shape [{}]{}, and this aggregator fills {} contiguous numbers",
          layer.name, fmt::join(at::IntArrayRef(estimate[l].sizes()), ", "),
          estimate[l].is_contiguous() ? "" : " with gaps", layer.size);
    }
    parts.push_back(estimate[l].view({layer.rows, layer.columns}));
  }
  return parts;
}

std::vector<Looked> Aggregator::Impl::look(std::span<const at::Tensor> gradients) const {
  return look_through(parts_of_gradients(gradients),
                      std::vector<char>(static_cast<std::size_t>(collective_.local_workers()), 1));
}

/// Of the local workers; those that are not awake have nothing.
std::vector<Looked> Aggregator::Impl::look_through(std::span<const at::Tensor> gradients,
                                                   const std::vector<char>& awake) const {
  const auto count = tensors_.size();
  std::vector<std::size_t> sizes;
  for (std::size_t j = 0; j < awake.size() * count; ++j)
    sizes.push_back(static_cast<std::size_t>(layout_.layers[j % count].size));
  std::vector<double> largest(sizes.size(), 0.0);  // [K, tensors]
  for_each_by_size(sizes, [&](std::size_t j) {
    const auto i = j / count, l = j % count;
    if (awake[i] == 0) return;
    largest[j] = largest_magnitude(gradients[l][static_cast<std::int64_t>(i)]);
  });
  std::vector<Looked> found(awake.size());
  for (std::size_t j = 0; j < largest.size(); ++j) {
    auto& one = found[j / count];
    one.largest = std::max(one.largest, largest[j]);
    if (one.bad < 0 && !std::isfinite(largest[j])) one.bad = static_cast<std::int64_t>(j % count);
  }
  return found;
}

/// The largest magnitude in the gradients of the workers that take part, the same in every process. Throws
/// Error (non-finite) where one of them is not finite, at every process alike.
double Aggregator::Impl::check_gradients(const Round& round) const {
  const auto awake = round.awake.begin() + collective_.first_worker();
  const std::vector<char> local(awake, awake + collective_.local_workers());
  std::vector<Looked> found(round.looked.begin(), round.looked.end());
  if (found.empty()) found = look_through(round.gradients, local);
  if (found.size() != local.size()) {
    fail(ExitCode::kConfiguration,
         "{} workers have been looked at, and {} are here. HINT: what look() returned", found.size(),
         local.size());
  }
  WorkerTable own(local.size(), 2);  // the first tensor that is not finite, or -1; the largest magnitude
  for (std::size_t i = 0; i < local.size(); ++i) {
    own(i, 0) = local[i] != 0 ? static_cast<double>(found[i].bad) : -1;
    own(i, 1) = local[i] != 0 ? found[i].largest : 0.0;
  }
  const auto all = gather(own);
  double largest = 0, bad = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < all.workers(); ++i) {
    largest = std::max(largest, all(i, 1));
    if (all(i, 0) >= 0) bad = std::min(bad, all(i, 0));
  }
  if (std::isinf(bad)) return largest;
  WorkerTable finite(all.workers(), 1);
  for (std::size_t i = 0; i < all.workers(); ++i) finite(i, 0) = all(i, 0) == bad ? std::nan("") : 1.0;
  check_finite(finite, static_cast<std::size_t>(bad), round.index, "gradient");
  return largest;
}

void Aggregator::Impl::check_finite(const WorkerTable& norms, std::size_t tensor, std::int64_t round,
                                    const char* what) const {
  for (std::size_t i = 0; i < norms.workers(); ++i) {
    for (const double norm : norms.row(i)) {
      if (std::isfinite(norm)) continue;
      fail(ExitCode::kNonFinite,
           "the {} of tensor '{}' at worker {} is not finite in round {}. HINT: lower learning_rate, "
           "raise power, or try feedback=none",
           what, layout_.layers[tensor].name, i, round);
    }
  }
}

/// Throws Error (configuration) where a compressor's message is not as compress/compressor.hpp asks for it.
void Aggregator::Impl::check_message(const Message& message, std::size_t tensor) const {
  const auto& blocks = message.blocks;
  if (blocks.empty() || blocks.size() > kBlocksAPass) {
    fail(ExitCode::kConfiguration,
         "the compressor's message for tensor '{}' has {} blocks. HINT: from 1 to {} of [workers, groups, "
         "symbols]",
         layout_.layers[tensor].name, blocks.size(), kBlocksAPass);
  }
  const auto contents = message.content_norm.size();
  if (contents != 0 && std::cmp_not_equal(contents, collective_.local_workers())) {
    fail(ExitCode::kConfiguration,
         "the compressor's message for tensor '{}' has {} norms of its content. HINT: {}, one a worker, or "
         "none",
         layout_.layers[tensor].name, contents, collective_.local_workers());
  }
  for (const auto& block : blocks) {
    if (block.defined() && block.dim() == 3 && block.size(0) == collective_.local_workers()) continue;
    fail(ExitCode::kConfiguration,
         "the compressor's message for tensor '{}' has a block [{}]. HINT: [{} workers, groups, symbols]",
         layout_.layers[tensor].name,
         block.defined() ? fmt::format("{}", fmt::join(block.sizes(), ", ")) : "",
         collective_.local_workers());
  }
}

/// Likewise where its estimate has not the tensor's shape: it is written into its place as it is.
void Aggregator::Impl::check_decoded(const Decoded& decoded, std::size_t tensor) const {
  const auto& layer = layout_.layers[tensor];
  const auto check = [&](const at::Tensor& part, const char* what, std::int64_t rows, std::int64_t columns) {
    if (part.dim() == 2 && part.size(0) == rows && part.size(1) == columns) return;
    fail(ExitCode::kConfiguration, "the compressor's {} of tensor '{}' is [{}]. HINT: [{}, {}]", what,
         layer.name, fmt::join(part.sizes(), ", "), rows, columns);
  };
  if (decoded.estimate.defined()) check(decoded.estimate, "estimate", layer.rows, layer.columns);
  if (!decoded.factors.defined()) return;
  const auto rank = decoded.factors.left.size(0);
  check(decoded.factors.left, "left factor", rank, layer.rows);
  check(decoded.factors.right, "right factor", rank, layer.columns);
}

/// Whether numbers of the round, with gradients of at most `largest`, may leave the range of their type.
/// ||M|| <= ||e|| + s ||g||, and a memory is not longer than the message it comes from.
bool Aggregator::Impl::near_the_edge(double largest, double budget) {
  reach_ += largest * std::sqrt(static_cast<double>(layout_.size));
  const double limit = comfortable(type_),
               gain = parts_.channel->traits().noisy && budget > 0 ? std::sqrt(budget) : 1.0;
  return !(reach_ < limit * std::min(1.0, gain));
}

Aggregator::Impl::Kept Aggregator::Impl::keep() const {
  Kept kept{std::make_shared<MessageFilter>(filter_->clone()), tensors_, reach_};
  for (auto& tensor : kept.tensors) {
    if (tensor.memory.defined()) tensor.memory = tensor.memory.clone();
  }
  return kept;
}

/// Throws Error (non-finite) where what the round leaves behind is not finite.
void Aggregator::Impl::check_outcome(const Round& round) {
  const auto check = [&](const at::Tensor& tensor, std::size_t l, const char* what) {
    if (tensor.defined() && !std::isfinite(largest_magnitude(tensor.contiguous()))) {
      fail(ExitCode::kNonFinite,
           "the {} of tensor '{}' left the range of numbers in round {}. HINT: lower learning_rate or raise "
           "power",
           what, layout_.layers[l].name, round.index);
    }
  };
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    check(round.estimate[l], l, "estimate");
    check(memory(l), l, "memory");
    for (const auto& [name, tensor] : tensors_[l].shared) check(tensor, l, "shared factor");
  }
}

}  // namespace laser
