// Signs (Signum, spec 4): every worker sends sign(g), sign(0) = +1, and the server takes the sign of the
// noisy mean, a majority vote over the air. The norm of what is sent is sqrt(d_l), whatever the gradient is.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "laser/compress/elementwise.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/core/tensor_span.hpp"

namespace laser {
namespace {

/// In one pass; plain LibTorch operations take four. `signs` is contiguous and as large as `values`.
void write_signs(const at::Tensor& values, const at::Tensor& signs) {
  constexpr std::size_t kPiece = 1 << 16;
  const auto flat = values.contiguous();
  LASER_CHECK(signs.is_contiguous() && signs.numel() == flat.numel());
  with_span(flat, [&](auto from) {
    using T = std::remove_const_t<element_of<decltype(from)>>;
    auto* to = signs.data_ptr<T>();
    const auto pieces = (from.size() + kPiece - 1) / kPiece;
    for_each_piece(
        pieces,
        [&](std::size_t piece) {
          const auto end = std::min(from.size(), (piece + 1) * kPiece);
          for (auto i = piece * kPiece; i < end; ++i) to[i] = from[i] >= 0 ? T(1) : T(-1);
        },
        pieces > 1);
  });
}

class Sign final : public Compressor {
 public:
  [[nodiscard]] Traits traits() const override {
    return {.linear = false, .splits = true, .exact = false, .factored = false, .scales = false};
  }

  Message encode(Exchange& exchange, int) const override {
    auto& signs = exchange.scratch["signs"];
    signs = at::empty(exchange.message.sizes(), exchange.message.options());
    write_signs(exchange.message, signs);
    // The norm is known: no pass over the signs.
    const std::vector<double> norms(static_cast<std::size_t>(signs.size(0)),
                                    std::sqrt(static_cast<double>(exchange.layer->size)));
    return {{flat_symbols(signs)}, Message::Split::kByNorm, {}, norms};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto estimate = room_for_estimate(exchange, received[0].values.options());
    write_signs(received[0].values, estimate);
    return {in_layer_shape(estimate, *exchange.layer), {}, *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    memory.sub_(exchange.scratch.at("signs"));
  }
};

}  // namespace

std::unique_ptr<Compressor> make_sign(const CompressorOptions&) { return std::make_unique<Sign>(); }

}  // namespace laser
