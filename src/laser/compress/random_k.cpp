// Random-K (spec 4): b random coordinates, drawn afresh each round and tensor, the same at every worker. No
// 1/cf rescaling of the estimate; error feedback brings the rest.
#include <ATen/ATen.h>

#include "laser/compress/elementwise.hpp"
#include "laser/kernels/sampling.hpp"

namespace laser {
namespace {

class RandomK final : public Compressor {
 public:
  explicit RandomK(const CompressorOptions& options) : factor_(options.compression_factor) {}

  [[nodiscard]] Traits traits() const override { return {.linear = true, .splits = true, .exact = false}; }

  Message encode(Exchange& exchange, int) const override {
    const auto size = exchange.layer->size;
    const auto chosen =
        sample_without_replacement(exchange.key(Purpose::kIndices), size, reduced_size(factor_, size));
    auto& indices = exchange.scratch["indices"];
    indices = at::tensor(at::ArrayRef<std::int32_t>(chosen), at::kInt);
    return {{flat_symbols(exchange.message).index_select(2, indices)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    auto estimate = at::zeros({exchange.layer->size}, received[0].values.options());
    estimate.index_copy_(0, exchange.scratch.at("indices").to(at::kLong), received[0].values.view({-1}));
    return {in_layer_shape(estimate, *exchange.layer), *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    memory.view({memory.size(0), -1}).index_fill_(1, exchange.scratch.at("indices").to(at::kLong), 0);
  }

 private:
  double factor_;
};

}  // namespace

std::unique_ptr<Compressor> make_random_k(const CompressorOptions& options) {
  return std::make_unique<RandomK>(options);
}

}  // namespace laser
