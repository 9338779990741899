// Count-mean sketch (spec 4): C[c] = sum over the coordinates of bucket c, each with its sign. Coordinate j
// reads back S(j) C[I(j)], without rescaling. Buckets and signs are hashed from the stream, fresh each round
// and tensor (kernels/sketching.hpp).
#include <ATen/ATen.h>

#include "laser/compress/elementwise.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/kernels/sketching.hpp"

namespace laser {
namespace {

class CountSketch final : public FractionCompressor {
 public:
  explicit CountSketch(const CompressorOptions& options) : FractionCompressor(options) {}

  [[nodiscard]] Traits traits() const override {
    return {.linear = true, .splits = true, .exact = false, .draws_rounds = true, .draws_tensors = true};
  }

  Message encode(Exchange& exchange, int) const override {
    const auto size = exchange.layer->size, count = kept_coordinates(size, factor_);
    const auto flat = flat_symbols(exchange.message);
    LASER_CHECK(flat.size(2) == 1 || flat.stride(2) == 1);
    auto buckets = at::empty({flat.size(0), 1, count}, flat.options());
    with_span(buckets, [&](auto out) {
      using T = element_of<decltype(out)>;
      sketch_rows<T>(flat.data_ptr<T>(), static_cast<std::size_t>(flat.size(0)),
                     static_cast<std::size_t>(flat.stride(0)), static_cast<std::size_t>(size),
                     exchange.key(Purpose::kSketch), out);
    });
    exchange.scratch["buckets"] = buckets;
    return {{buckets}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto estimate = room_for_estimate(exchange, received[0].values.options());
    read_back(received[0].values.view({-1}), exchange, estimate);
    return {in_layer_shape(estimate, *exchange.layer), {}, *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    const auto& buckets = exchange.scratch.at("buckets");
    const auto own = at::empty({exchange.layer->size}, buckets.options());
    for (std::int64_t i = 0; i < memory.size(0); ++i) {
      read_back(buckets[i][0], exchange, own);
      memory[i].sub_(in_layer_shape(own, *exchange.layer));
    }
  }

 private:
  static void read_back(const at::Tensor& buckets, const Exchange& exchange, const at::Tensor& out) {
    with_span(out, [&](auto to) {
      using T = element_of<decltype(to)>;
      const std::span<const T> from(buckets.data_ptr<T>(), static_cast<std::size_t>(buckets.numel()));
      unsketch_row<T>(from, exchange.key(Purpose::kSketch), to);
    });
  }
};

}  // namespace

std::unique_ptr<Compressor> make_count_sketch(const CompressorOptions& options) {
  return std::make_unique<CountSketch>(options);
}

}  // namespace laser
