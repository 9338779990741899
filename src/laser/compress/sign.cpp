// Signs (Signum, spec 4): every worker sends sign(g), sign(0) = +1, and the server takes the sign of the
// noisy mean, a majority vote over the air. The norm of what is sent is sqrt(d_l), whatever the gradient is.
#include <ATen/ATen.h>

#include "laser/compress/elementwise.hpp"

namespace laser {
namespace {

at::Tensor signs_of(const at::Tensor& values) {
  return at::ge(values, 0).to(values.scalar_type()).mul_(2).sub_(1);
}

class Sign final : public Compressor {
 public:
  [[nodiscard]] Traits traits() const override { return {.linear = false, .splits = true, .exact = false}; }

  Message encode(Exchange& exchange, int) const override {
    auto& signs = exchange.scratch["signs"];
    signs = signs_of(exchange.message);
    return {{flat_symbols(signs)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    return {in_layer_shape(signs_of(received[0].values), *exchange.layer), {}, *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    memory.sub_(exchange.scratch.at("signs"));
  }
};

}  // namespace

std::unique_ptr<Compressor> make_sign(const CompressorOptions&) { return std::make_unique<Sign>(); }

}  // namespace laser
