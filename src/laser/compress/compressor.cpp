#include "laser/compress/compressor.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "laser/compress/elementwise.hpp"
#include "laser/compress/low_rank.hpp"
#include "laser/core/error.hpp"

namespace laser {
namespace {

std::unique_ptr<Compressor> make_low_rank(const CompressorOptions& options) {
  if (options.transport == "two_phase") return make_two_phase(options);
  if (options.transport == "one_shot") return make_one_shot(options);
  return make_alternating(options);
}

}  // namespace

void Decoded::write(at::Tensor out) const {
  if (factors.defined()) {
    const ProductTensor product{factors, std::move(out)};
    write_products(std::span(&product, 1));
  } else if (estimate.data_ptr() != out.data_ptr()) {  // else it was written in place
    out.copy_(estimate);
  }
}

void Compressor::subtract_own(const Exchange& exchange, at::Tensor& memory) const {
  const auto factors = own_factors(exchange);
  LASER_CHECK(factors.defined());
  subtract_product(memory, factors);
}

void form_products(const Compressor& compressor, Exchange& exchange) {
  const auto projection = compressor.projection(exchange);
  if (projection.wanted()) exchange.products = products_of(exchange.message, projection);
}

void subtract_product(at::Tensor& memory, const Factors& factors) {
  const auto batch = [&](const at::Tensor& factor) {
    return factor.dim() == 3 ? factor : factor.unsqueeze(0).expand({memory.size(0), -1, -1});
  };
  memory.baddbmm_(batch(factors.left).transpose(1, 2), batch(factors.right), 1, -1);
}

const std::vector<CompressorEntry>& compressors() {
  static const std::vector<CompressorEntry> table{
      {"identity", "the gradient as it is (Z-SGD)", make_identity, {}},
      {"low_rank", "PowerSGD's thin factors P Q^T (LASER)", make_low_rank, {"rank"}},
      {"random_k",
       "random coordinates, the same at every worker (Random-K)",
       make_random_k,
       {"compression_factor"}},
      {"count_sketch",
       "count-mean sketch of shared random buckets and signs (Sketching)",
       make_count_sketch,
       {"compression_factor"}},
      {"sign", "signs, decoded by noisy majority vote (Signum)", make_sign, {}},
      {"top_k_projection",
       "Gaussian projection of the largest entries (A-DSGD)",
       make_top_k_projection,
       {"compression_factor"}},
  };
  return table;
}

bool uses_setting(const std::string& name, const std::string& setting) {
  return std::ranges::any_of(compressors(), [&](const CompressorEntry& entry) {
    return entry.name == name && std::ranges::count(entry.settings, setting) > 0;
  });
}

std::unique_ptr<Compressor> make_compressor(const CompressorOptions& options) {
  std::string known;
  for (const auto& entry : compressors()) {
    if (entry.name == options.name) return entry.make(options);
    known += (known.empty() ? "" : ", ") + entry.name;
  }
  fail(ExitCode::kConfiguration, "compressor = '{}' is unknown; choose one of {}", options.name, known);
}

}  // namespace laser
