// Count-mean sketch (spec 4): C[c] = sum over the coordinates of bucket c, each with its sign. Coordinate j
// reads back S(j) C[I(j)], without rescaling. Buckets and signs are hashed from the stream, fresh each round
// and tensor.
#include <ATen/ATen.h>

#include "laser/compress/elementwise.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/kernels/sampling.hpp"

namespace laser {
namespace {

class CountSketch final : public Compressor {
 public:
  explicit CountSketch(const CompressorOptions& options) : factor_(options.compression_factor) {}

  [[nodiscard]] Traits traits() const override { return {.linear = true, .splits = true, .exact = false}; }

  Message encode(Exchange& exchange, int) const override {
    const auto size = exchange.layer->size;
    const auto words = hash_words(exchange);
    const auto flat = flat_symbols(exchange.message);
    auto buckets = at::zeros({flat.size(0), 1, kept_coordinates(size, factor_)}, flat.options());
    for (std::int64_t i = 0; i < flat.size(0); ++i) {
      with_span(flat[i][0], [&](auto values) {
        using T = element_of<decltype(values)>;
        auto out = buckets[i][0];
        sketch<T>(values.data(), size, words, {out.data_ptr<T>(), static_cast<std::size_t>(out.numel())});
      });
    }
    exchange.scratch["buckets"] = buckets;
    return {{buckets}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto estimate = read_back(received[0].values.view({-1}), hash_words(exchange));
    return {in_layer_shape(estimate, *exchange.layer), {}, *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    const auto words = hash_words(exchange);
    const auto& buckets = exchange.scratch.at("buckets");
    for (std::int64_t i = 0; i < memory.size(0); ++i) {
      memory[i].sub_(in_layer_shape(read_back(buckets[i][0], words), *exchange.layer));
    }
  }

 private:
  static std::vector<std::uint32_t> hash_words(const Exchange& exchange) {
    std::vector<std::uint32_t> words(static_cast<std::size_t>(exchange.layer->size));
    fill_words(words, exchange.key(Purpose::kSketch));
    return words;
  }

  static at::Tensor read_back(const at::Tensor& buckets, std::span<const std::uint32_t> words) {
    auto out = at::empty({static_cast<std::int64_t>(words.size())}, buckets.options());
    with_span(buckets, [&](auto in) {
      using T = element_of<decltype(in)>;
      unsketch<T>(in, words, out.data_ptr<T>());
    });
    return out;
  }

  double factor_;
};

}  // namespace

std::unique_ptr<Compressor> make_count_sketch(const CompressorOptions& options) {
  return std::make_unique<CountSketch>(options);
}

}  // namespace laser
