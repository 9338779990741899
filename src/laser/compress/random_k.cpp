// Random-K (spec 4): b random coordinates, drawn afresh each round and tensor, the same at every worker. No
// 1/cf rescaling of the estimate; error feedback brings the rest.
#include <ATen/ATen.h>

#include "laser/compress/elementwise.hpp"
#include "laser/kernels/sampling.hpp"

namespace laser {

at::Tensor take_coordinates(const at::Tensor& symbols, const at::Tensor& indices) {
  return symbols.index_select(2, indices);
}

at::Tensor spread_coordinates(const at::Tensor& values, const at::Tensor& indices, std::int64_t size) {
  return at::zeros({size}, values.options()).index_copy_(0, indices, values.reshape({-1}));
}

void clear_coordinates(at::Tensor& memory, const at::Tensor& indices) {
  memory.view({memory.size(0), -1}).index_fill_(1, indices, 0);
}

namespace {

class RandomK final : public Compressor {
 public:
  explicit RandomK(const CompressorOptions& options) : factor_(options.compression_factor) {}

  [[nodiscard]] Traits traits() const override { return {.linear = true, .splits = true, .exact = false}; }

  Message encode(Exchange& exchange, int) const override {
    const auto size = exchange.layer->size;
    const auto chosen =
        sample_without_replacement(exchange.key(Purpose::kIndices), size, kept_coordinates(size, factor_));
    auto& indices = exchange.scratch["indices"];
    indices = at::tensor(at::ArrayRef<std::int32_t>(chosen), at::kInt).to(at::kLong);
    return {{take_coordinates(flat_symbols(exchange.message), indices)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto estimate =
        spread_coordinates(received[0].values, exchange.scratch.at("indices"), exchange.layer->size);
    return {in_layer_shape(estimate, *exchange.layer), {}, *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    clear_coordinates(memory, exchange.scratch.at("indices"));
  }

 private:
  double factor_;
};

}  // namespace

std::unique_ptr<Compressor> make_random_k(const CompressorOptions& options) {
  return std::make_unique<RandomK>(options);
}

}  // namespace laser
