#include "laser/train/downlink.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "laser/channel/superposition.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

/// The layer of the broadcast's noise: no tensor has this number.
constexpr std::uint32_t kBroadcastLayer = (1U << 24) - 1;

}  // namespace

void Downlink::broadcast(std::int64_t round, const at::Tensor& before, at::Tensor& parameters) {
  if (!noisy()) return;
  const bool common = options_.mode == "common";
  const double step = (parameters - before).to(at::kDouble).norm().item<double>();
  const auto scale = step / std::sqrt(options_.power);
  if (!common && options_.resync_rounds > 0 && (round + 1) % options_.resync_rounds == 0) {
    drift_.reset();
    return;
  }
  AddressedNoise noise;
  if (!common && !drift_.defined()) drift_ = at::zeros({workers_, parameters.size(0)}, parameters.options());
  for (std::int64_t i = 0; i < (common ? 1 : workers_); ++i) {
    auto heard = (common ? parameters : drift_[i]).unsqueeze(0);
    const StreamKey key{seed_, Purpose::kNoise, static_cast<std::uint32_t>(round), kBroadcastLayer,
                        static_cast<std::uint32_t>(i)};
    noise.add(heard, std::span(&scale, 1), key);
  }
}

at::Tensor Downlink::models(const at::Tensor& parameters) const {
  return drift_.defined() ? parameters + drift_ : parameters;
}

NamedTensors Downlink::state() const {
  if (!drift_.defined()) return {};
  return {{"drift", drift_}};
}

void Downlink::load_state(const NamedTensors& state, std::int64_t size) {
  drift_.reset();
  const auto found = state.find("drift");
  if (found == state.end()) return;
  if (found->second.sizes() != at::IntArrayRef({workers_, size}) ||
      found->second.scalar_type() != at::kFloat) {
    fail(ExitCode::kData, "the saved state has no drift of the right shape and type");
  }
  drift_ = found->second.clone();
}

}  // namespace laser
