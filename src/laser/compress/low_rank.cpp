#include "laser/compress/low_rank.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "laser/core/fail.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/kernels/orthonormal.hpp"

namespace laser {
namespace {

/// [r, D] of N(0, 1), the same at every worker.
at::Tensor random_factor(std::int64_t rank, std::int64_t size, const StreamKey& key, at::ScalarType type) {
  auto factor = at::empty({rank, size}, at::TensorOptions().dtype(type));
  with_span(factor, [&](auto span) { fill_normal(span, key); });
  return factor;
}

}  // namespace

LowRankShape::LowRankShape(const CompressorOptions& options)
    : rank(options.rank),
      always(options.compress == "always"),
      separate_columns(options.column_mode == "sqrt_kappa"),
      warm_start(options.warm_start) {}

bool LowRankShape::applies(const Layer& layer) const {
  return layer.is_matrix() && (always || compression_saves(layer, rank));
}

void LowRankShape::check(const Layout& layout) const {
  std::int64_t useful = 0;
  for (const auto& layer : layout.layers) {
    if (applies(layer)) return;
    if (!layer.is_matrix()) continue;
    // The largest r with r (m + n) < m n.
    const auto largest = (layer.rows * layer.columns - 1) / (layer.rows + layer.columns);
    useful = std::max(useful, std::min({largest, layer.rows, layer.columns}));
  }
  if (useful == 0)
    fail(ExitCode::kConfiguration,
         "the model has no matrix that low-rank factors would make smaller. HINT: method=zsgd sends its "
         "tensors as they are");
  fail(ExitCode::kConfiguration,
       "rank = {} fits no layer: its factors would be larger than every matrix of the model. HINT: use rank "
       "<= {}, "
       "or compress=always",
       rank, useful);
}

at::Tensor LowRankShape::block(const at::Tensor& factors) const {
  return separate_columns ? factors : factors.view({factors.size(0), 1, -1});
}

double LowRankCompressor::symbols(const Layer& layer) const {
  const auto both = static_cast<double>(shape_.rank_of(layer) * (layer.rows + layer.columns));
  return factors_ == FactorsPerRound::one ? both / 2 : both;
}

double LowRankCompressor::lag(const Layer& layer) const {
  return error_memory_lag(layer.rows, layer.columns, shape_.rank_of(layer), factors_);
}

at::Tensor orthonormal_rows(const at::Tensor& a, const StreamKey& replacement) {
  if (a.dim() == 3) {
    std::vector<at::Tensor> bases;
    for (std::int64_t i = 0; i < a.size(0); ++i) bases.push_back(orthonormal_rows(a[i], replacement));
    return at::stack(bases);
  }
  // The kernel takes the columns of a row-major [D, r] matrix.
  auto columns = a.t().clone(at::MemoryFormat::Contiguous);
  with_span(columns,
            [&](auto span) { orthonormalise(span.data(), columns.size(0), columns.size(1), replacement); });
  return columns.t().contiguous();
}

at::Tensor LowRankShape::first_factor(const Layer& layer, Side side, std::uint64_t seed, std::uint32_t index,
                                      at::ScalarType type) const {
  return random_factor(rank_of(layer), side == Side::kLeft ? layer.rows : layer.columns,
                       {seed, Purpose::kWarmStart, 0, index, static_cast<std::uint32_t>(side)}, type);
}

at::Tensor LowRankShape::start(const Exchange& exchange, Side side) const {
  if (warm_start) return exchange.shared->at(side == Side::kLeft ? "left" : "right");
  // Round 0 of the stream is the first factor; fresh ones follow.
  auto key = exchange.key(Purpose::kWarmStart, static_cast<std::uint32_t>(side));
  ++key.round;
  const auto& layer = *exchange.layer;
  return random_factor(rank_of(layer), side == Side::kLeft ? layer.rows : layer.columns, key, exchange.type);
}

}  // namespace laser
