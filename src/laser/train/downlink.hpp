// The way back: what noise in the server's broadcast does to the models that the
// workers compute gradients at.
//
// The server broadcasts the step that its optimizer made, D numbers of norm ||step||, with energy P_dl: a
// worker receives step + (||step|| / sqrt(P_dl)) Z. With plain SGD this is spec 1.4's noise in the estimate.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>

#include "laser/compress/compressor.hpp"

namespace laser {

struct DownlinkOptions {
  std::string mode =
      "exact";       // exact | common (all hear the same) | separate (each its own: models drift apart)
  double power = 0;  // P_dl, energy of a broadcast, noise variance 1
  // separate: rounds from one exact broadcast of the model to the next; 0: never
  std::int64_t resync_rounds = 0;
};

class Downlink {
 public:
  /// For `workers` models.
  Downlink(DownlinkOptions options, std::uint64_t seed, std::int64_t workers)
      : options_(std::move(options)), seed_(seed), workers_(workers) {}

  /// Whether a step must be told: false on an exact downlink.
  [[nodiscard]] bool noisy() const { return options_.mode != "exact"; }

  /// What the workers hear of the round's step from `before` [d] to `parameters` [d]. Where all hear the same
  /// their model is the model: it is changed in place.
  void broadcast(std::int64_t round, const at::Tensor& before, at::Tensor& parameters);

  /// The models at which gradients are computed: `parameters` [d], or [K, d] where they have drifted apart.
  [[nodiscard]] at::Tensor models(const at::Tensor& parameters) const;

  /// "drift" [K, d] once there is any.
  [[nodiscard]] NamedTensors state() const;
  /// Restores what `state` returned. Throws Error (data) if it does not fit `size` parameters.
  void load_state(const NamedTensors& state, std::int64_t size);

 private:
  DownlinkOptions options_;
  std::uint64_t seed_;
  std::int64_t workers_;
  at::Tensor drift_;  // [K, d] worker's model - server's model; undefined while there is none
};

}  // namespace laser
