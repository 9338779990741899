#include "laser/aggregate/message_filter.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "laser/core/fail.hpp"
#include "laser/core/number_or_word.hpp"

namespace laser {
namespace {

/// Numbers of the long side that are preconditioned together: more would cost more than the round.
constexpr std::int64_t kLongestBlock = 1024;
/// Rounds from one sample of the second moment to the next.
constexpr std::int64_t kSampleEvery = 5;
/// After its first refresh a preconditioner is formed anew whenever the run is that many times as long.
constexpr std::int64_t kGrowth = 4;

/// Blocks of a matrix's long side, (first, size) each; empty for tensors that are not matrices.
std::vector<std::pair<std::int64_t, std::int64_t>> blocks_of(const Layer& layer) {
  std::vector<std::pair<std::int64_t, std::int64_t>> result;
  if (!layer.is_matrix()) return result;
  const auto length = std::max(layer.rows, layer.columns);
  const auto count = (length + kLongestBlock - 1) / kLongestBlock, size = (length + count - 1) / count;
  for (std::int64_t first = 0; first < length; first += size)
    result.emplace_back(first, std::min(size, length - first));
  return result;
}

/// Whether preconditioners are formed at the end of `rounds` rounds: after `first`, 4 `first`, 16 `first`...
bool is_refreshed(std::int64_t rounds, std::int64_t first) {
  while (rounds > first && rounds % kGrowth == 0) rounds /= kGrowth;
  return rounds == first;
}

}  // namespace

double lead_of(const std::string& lead, double average, std::int64_t cycle) {
  const auto number = number_or_word("lead", lead, {"auto"}, 0, 1);
  return number ? *number : std::min(1.0, static_cast<double>(cycle) * (1 - average));
}

MessageFilter::MessageFilter(const Algorithm& algorithm, const Layout& layout,
                             const std::vector<std::int64_t>& cycles, at::ScalarType type)
    : layout_(layout),
      type_(type),
      average_(algorithm.worker_momentum),
      power_(algorithm.filter.preconditioner_power),
      floor_(algorithm.filter.preconditioner_floor),
      preconditions_(algorithm.filter.preconditioner != "none"),
      first_refresh_(algorithm.filter.preconditioner_refresh) {
  LASER_CHECK(cycles.size() == layout.layers.size());
  for (std::size_t l = 0; l < cycles.size(); ++l) {
    leads_.push_back(average_ == 0 ? 0 : lead_of(algorithm.filter.lead, average_, cycles[l]));
    if (!preconditions_) continue;
    for (const auto& [first, size] : blocks_of(layout.layers[l]))
      blocks_.push_back({fmt::format("{}/{}", layout.layers[l].name, first), l, first, size, {}, {}});
  }
}

/// The block's part of a worker's numbers [d], [short side, b].
at::Tensor MessageFilter::along(const at::Tensor& row, const Block& block) const {
  const auto& layer = layout_.layers[block.tensor];
  const auto matrix = row.narrow(0, layer.offset, layer.size).view({layer.rows, layer.columns});
  return (layer.columns >= layer.rows ? matrix : matrix.t()).narrow(1, block.first, block.size);
}

void MessageFilter::apply(std::int64_t round, std::span<const char> awake, const at::Tensor& gradients,
                          const at::Tensor& messages) {
  if (average_ != 0 && !momentum_.defined()) momentum_ = at::zeros_like(gradients);
  for (auto& block : blocks_) {
    if (round % kSampleEvery == 0) sample(block, awake, gradients);
  }
  for (std::int64_t i = 0; i < gradients.size(0); ++i) {
    if (awake[static_cast<std::size_t>(i)] == 0) continue;
    if (average_ != 0) {  // u <- beta u + (1 - beta) g
      momentum_[i].mul_(average_).add_(gradients[i], 1 - average_);
    }
    const auto& average = average_ != 0 ? momentum_[i] : gradients[i];
    messages[i].copy_(average);
    for (std::size_t l = 0; l < leads_.size(); ++l) {
      const auto& layer = layout_.layers[l];
      const auto part = [&](const at::Tensor& row) { return row.narrow(0, layer.offset, layer.size); };
      if (leads_[l] != 0) part(messages[i]).lerp_(part(gradients[i]), leads_[l]);  // u + nu (g - u)
    }
    for (const auto& block : blocks_) {
      if (!block.preconditioner.defined()) continue;
      const auto part = along(messages[i], block);
      part.copy_(at::matmul(part, block.preconditioner[i]));
    }
  }
  for (auto& block : blocks_) {
    if (is_refreshed(round + 1, first_refresh_)) refresh(block);
  }
}

/// Adds g^T g / |g|^2 of every worker that has a gradient.
void MessageFilter::sample(Block& block, std::span<const char> awake, const at::Tensor& gradients) const {
  if (!block.moments.defined())
    block.moments = at::zeros({gradients.size(0), block.size, block.size}, gradients.options());
  for (std::int64_t i = 0; i < gradients.size(0); ++i) {
    if (awake[static_cast<std::size_t>(i)] == 0) continue;
    const auto part = along(gradients[i], block);
    const double norm = part.norm(2, at::kDouble).item<double>();
    if (!(norm > 0)) continue;
    const auto unit = part / norm;
    block.moments[i].addmm_(unit.t(), unit);
  }
}

/// A = (n S + delta I)^-p of every worker; the unit matrix where there is no sample.
void MessageFilter::refresh(Block& block) const {
  if (!block.moments.defined()) return;
  auto fresh = at::empty_like(block.moments);
  for (std::int64_t i = 0; i < fresh.size(0); ++i) {
    const auto& sum = block.moments[i];
    const double samples = sum.trace().item<double>();  // each has the trace 1
    if (!(samples > 0)) {
      fresh[i].copy_(at::eye(block.size, fresh.options()));
      continue;
    }
    const auto [values, vectors] = at::linalg_eigh(sum * (static_cast<double>(block.size) / samples));
    const auto powers = values.clamp_min(0).add(floor_).pow(-power_);
    fresh[i].copy_(at::matmul(vectors * powers, vectors.t()));
  }
  block.preconditioner = fresh;
}

void MessageFilter::forget(std::int64_t row) {
  if (momentum_.defined()) momentum_[row].zero_();
}

NamedTensors MessageFilter::state() const {
  NamedTensors result;
  if (momentum_.defined()) result["momentum"] = momentum_;
  for (const auto& block : blocks_) {
    if (block.moments.defined()) result["second_moment/" + block.name] = block.moments;
    if (block.preconditioner.defined()) result["preconditioner/" + block.name] = block.preconditioner;
  }
  return result;
}

double MessageFilter::preconditioner_bytes(const Layout& layout, std::int64_t workers) {
  double numbers = 0;
  for (const auto& layer : layout.layers) {
    for (const auto& [first, size] : blocks_of(layer)) numbers += static_cast<double>(size * size);
  }
  return 2 * 4 * numbers * static_cast<double>(workers);
}

bool MessageFilter::is_of_filter(const std::string& name) {
  return name == "momentum" || name.starts_with("second_moment/") || name.starts_with("preconditioner/");
}

void MessageFilter::load_state(
    const NamedTensors& state, std::int64_t workers,
    const std::function<at::Tensor(const std::string&, at::IntArrayRef)>& restored) {
  auto loaded = *this;
  const auto find = [&](const std::string& name, at::IntArrayRef sizes) {
    return state.contains(name) ? restored(name, sizes) : at::Tensor();
  };
  loaded.momentum_ = average_ != 0 ? find("momentum", {workers, layout_.size}) : at::Tensor();
  for (auto& block : loaded.blocks_) {
    block.moments = find("second_moment/" + block.name, {workers, block.size, block.size});
    block.preconditioner = find("preconditioner/" + block.name, {workers, block.size, block.size});
  }
  *this = std::move(loaded);
}

MessageFilter MessageFilter::clone() const {
  auto copy = *this;
  if (momentum_.defined()) copy.momentum_ = momentum_.clone();
  for (auto& block : copy.blocks_) {  // preconditioners are never changed in place
    if (block.moments.defined()) block.moments = block.moments.clone();
  }
  return copy;
}

}  // namespace laser
