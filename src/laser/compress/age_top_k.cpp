// Coordinates by magnitude, then by age (AgeTop-k): the server names b coordinates for the next round from
// what it heard itself, the b_m of largest magnitude when they were heard last, and of the others those that
// waited longest. All workers send these; nothing of the choice travels up, and the list down is not counted.
//
// The state is one tensor [2, d]: the numbers as they were heard last, and how many rounds each has waited.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/compress/elementwise.hpp"
#include "laser/core/tensor_span.hpp"

namespace laser {
namespace {

class AgeTopK final : public FractionCompressor {
 public:
  explicit AgeTopK(const CompressorOptions& options)
      : FractionCompressor(options), share_(options.magnitude_share) {}

  [[nodiscard]] Traits traits() const override { return {.linear = true, .splits = true, .exact = false}; }

  [[nodiscard]] NamedTensors initial_state(const Layer& layer, std::uint32_t, std::uint64_t,
                                           at::ScalarType type) const override {
    return {{"coordinates", at::zeros({2, layer.size}, at::TensorOptions().dtype(type))}};
  }

  Message encode(Exchange& exchange, int) const override {
    auto& indices = exchange.scratch["indices"];
    indices = named(exchange.shared->at("coordinates"));
    return {{take_coordinates(flat_symbols(exchange.message), indices)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto& indices = exchange.scratch.at("indices");
    const auto estimate = room_for_estimate(exchange, received[0].values.options());
    spread_coordinates(received[0].values, indices, estimate);
    auto coordinates = exchange.shared->at("coordinates").clone();
    const auto places = indices.to(at::kLong);
    coordinates[1].add_(1).index_fill_(0, places, 0);
    coordinates[0].index_copy_(0, places, received[0].values.view({-1}));
    return {in_layer_shape(estimate, *exchange.layer), {}, {{"coordinates", coordinates}}};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    clear_coordinates(memory, exchange.scratch.at("indices"));
  }

 private:
  /// [b] the coordinates of this round, ascending; ties by lower index.
  [[nodiscard]] at::Tensor named(const at::Tensor& coordinates) const {
    const auto size = coordinates.size(1), count = kept_coordinates(size, factor_);
    const auto largest = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(std::floor(share_ * static_cast<double>(count) + 1e-9)), 0, count);
    std::vector<std::int32_t> chosen;
    with_span(coordinates, [&](auto span) {
      using T = element_of<decltype(span)>;
      const auto heard = std::span<const T>(span).first(static_cast<std::size_t>(size));
      const auto waited = std::span<const T>(span).last(static_cast<std::size_t>(size));
      if (largest > 0) chosen = largest_entries(heard, largest);
      std::vector<std::int32_t> others(static_cast<std::size_t>(size));
      std::iota(others.begin(), others.end(), 0);
      std::vector<char> taken(static_cast<std::size_t>(size), 0);
      for (const auto j : chosen) taken[static_cast<std::size_t>(j)] = 1;
      std::erase_if(others, [&](std::int32_t j) { return taken[static_cast<std::size_t>(j)] != 0; });
      const auto longer = [&](std::int32_t a, std::int32_t b) {
        const auto first = waited[static_cast<std::size_t>(a)], second = waited[static_cast<std::size_t>(b)];
        return first != second ? first > second : a < b;
      };
      const auto rest = others.begin() + (count - largest);
      if (rest != others.end()) std::nth_element(others.begin(), rest, others.end(), longer);
      chosen.insert(chosen.end(), others.begin(), rest);
    });
    std::sort(chosen.begin(), chosen.end());
    return at::tensor(at::ArrayRef<std::int32_t>(chosen), at::kInt);
  }

  double share_;
};

}  // namespace

std::unique_ptr<Compressor> make_age_top_k(const CompressorOptions& options) {
  return std::make_unique<AgeTopK>(options);
}

}  // namespace laser
