// Right parts of a stranger, from which the wrong ones are made.
#pragma once

#include <algorithm>
#include <cmath>

#include "laws.hpp"

namespace laser::contract {

/// Every second entry of a matrix, without anything shared.
class EverySecond : public Compressor {
 public:
  [[nodiscard]] Traits traits() const override { return {.linear = true}; }
  [[nodiscard]] double symbols(const Layer& layer) const override {
    return static_cast<double>((layer.size + 1) / 2);
  }
  Message encode(Exchange& exchange, int) const override {
    return {{exchange.message.flatten(1).slice(1, 0, c10::nullopt, 2).unsqueeze(1).contiguous()},
            Message::Split::kByNorm,
            {}};
  }
  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    auto estimate = at::zeros({exchange.layer->size}, received[0].values.options());
    estimate.slice(0, 0, c10::nullopt, 2).copy_(received[0].values[0]);
    return {estimate.view({exchange.layer->rows, exchange.layer->columns}), {}, {}};
  }
  void subtract_own(const Exchange&, at::Tensor& memory) const override {
    memory.flatten(1).slice(1, 0, c10::nullopt, 2).zero_();
  }
};

/// A memory that forgets.
class Decaying : public Feedback {
 public:
  void update(MemoryUpdate& memory) const override {
    memory.subtract_own();
    memory.scale(0.9);
  }
};

/// As awgn.
class Plain : public Channel {
 protected:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    double common = INFINITY, heard = 0;
    for (std::size_t i = 0; i < norms.size(); ++i) {
      if (link.active[i] == 0) continue;
      heard += 1;
      if (norms[i] > 0) common = std::min(common, std::sqrt(energies[i]) / norms[i]);
    }
    for (std::size_t i = 0; i < norms.size(); ++i) {
      if (link.active[i] != 0) result.amplitude[i] = common;
    }
    result.receive_scale = 1 / (heard * common);
  }
};

}  // namespace laser::contract
