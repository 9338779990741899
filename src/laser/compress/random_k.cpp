// Random-K (spec 4): b random coordinates, drawn afresh each round and tensor, the same at every worker. No
// 1/cf rescaling of the estimate; error feedback brings the rest.
#include <ATen/ATen.h>

#include <type_traits>

#include "laser/compress/elementwise.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/kernels/sampling.hpp"

namespace laser {

namespace {

std::span<const std::int32_t> span_of(const at::Tensor& indices) {
  LASER_CHECK(indices.is_contiguous() && indices.scalar_type() == at::kInt);
  return {indices.data_ptr<std::int32_t>(), static_cast<std::size_t>(indices.numel())};
}

}  // namespace

at::Tensor take_coordinates(const at::Tensor& symbols, const at::Tensor& indices) {
  const auto workers = symbols.size(0);
  LASER_CHECK(symbols.size(2) == 1 || symbols.stride(2) == 1);
  auto taken = at::empty({workers, 1, indices.numel()}, symbols.options());
  with_span(taken, [&](auto out) {
    using T = element_of<decltype(out)>;
    for (std::int64_t i = 0; i < workers; ++i) {
      gather(symbols.data_ptr<T>() + i * symbols.stride(0), span_of(indices),
             out.data() + i * indices.numel());
    }
  });
  return taken;
}

void spread_coordinates(const at::Tensor& values, const at::Tensor& indices, const at::Tensor& out) {
  with_span(values, [&](auto from) {
    using T = std::remove_const_t<element_of<decltype(from)>>;
    LASER_CHECK(from.size() == static_cast<std::size_t>(indices.numel()));
    LASER_CHECK(out.is_contiguous());
    scatter(static_cast<const T*>(from.data()), span_of(indices),
            std::span(out.data_ptr<T>(), static_cast<std::size_t>(out.numel())));
  });
}

void clear_coordinates(at::Tensor& memory, const at::Tensor& indices) {
  const auto numbers = memory[0].numel();
  with_span(memory, [&](auto span) {
    for (std::int64_t i = 0; i < memory.size(0); ++i) clear_at(span_of(indices), span.data() + i * numbers);
  });
}

namespace {

class RandomK final : public FractionCompressor {
 public:
  explicit RandomK(const CompressorOptions& options) : FractionCompressor(options) {}

  [[nodiscard]] Traits traits() const override {
    return {.linear = true, .splits = true, .exact = false, .draws_rounds = true, .draws_tensors = true};
  }

  Message encode(Exchange& exchange, int) const override {
    const auto size = exchange.layer->size;
    const auto chosen =
        sample_without_replacement(exchange.key(Purpose::kIndices), size, kept_coordinates(size, factor_));
    auto& indices = exchange.scratch["indices"];
    indices = at::tensor(at::ArrayRef<std::int32_t>(chosen), at::kInt);
    return {{take_coordinates(flat_symbols(exchange.message), indices)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto estimate = room_for_estimate(exchange, received[0].values.options());
    spread_coordinates(received[0].values, exchange.scratch.at("indices"), estimate);
    return {in_layer_shape(estimate, *exchange.layer), {}, *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    clear_coordinates(memory, exchange.scratch.at("indices"));
  }
};

}  // namespace

std::unique_ptr<Compressor> make_random_k(const CompressorOptions& options) {
  return std::make_unique<RandomK>(options);
}

}  // namespace laser
