// No compression: all d_l numbers are sent (Z-SGD; biases and normalisation under LASER).
#include <ATen/ATen.h>

#include "laser/compress/elementwise.hpp"

namespace laser {

at::Tensor flat_symbols(const at::Tensor& message) {
  return message.reshape({message.size(0), 1, message.size(1) * message.size(2)});
}

at::Tensor in_layer_shape(const at::Tensor& values, const Layer& layer) {
  return values.reshape({layer.rows, layer.columns});
}

at::Tensor room_for_estimate(const Exchange& exchange, const at::TensorOptions& options) {
  const auto& place = exchange.out;
  const bool fits = place.defined() && place.dtype() == options.dtype() && place.device() == options.device();
  return fits ? place.view({-1}) : at::empty({exchange.layer->size}, options);
}

namespace {

class Identity final : public Compressor {
 public:
  [[nodiscard]] Traits traits() const override { return {.linear = true, .splits = true, .exact = true}; }

  Message encode(Exchange& exchange, int) const override {
    return {{flat_symbols(exchange.message)}, Message::Split::kByNorm, {}, exchange.norms};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    return {in_layer_shape(received[0].values, *exchange.layer), {}, *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    memory.sub_(exchange.message);
  }
};

}  // namespace

std::unique_ptr<Compressor> make_identity(const CompressorOptions&) { return std::make_unique<Identity>(); }

}  // namespace laser
