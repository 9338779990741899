// PowerSGD's low-rank factors, M = P Q^T with P [m, r], Q [n, r], in the three orders of sending them
// (spec 2.4) and in a fourth, at once and without a basis (low_rank_parallel.cpp).
//
// Factors are kept transposed, [r, m] and [r, n]: each column of the paper is a contiguous row here, so that
// its norm, its scale and its noise are one run of memory.
#pragma once

#include <utility>

#include "laser/compress/compressor.hpp"
#include "laser/compress/lag.hpp"

namespace laser {

enum class Side : std::uint32_t { kLeft = 0, kRight = 1 };

/// What the four transports share: which tensors are factored, and at which rank.
struct LowRankShape {
  std::int64_t rank = 4;
  bool always = false;  // compress every matrix, even where factors are larger (the paper's literal text)
  bool separate_columns = false;  // column mode sqrt_kappa: every column has its own scale
  bool warm_start = true;

  explicit LowRankShape(const CompressorOptions& options);
  /// r_l of a tensor.
  [[nodiscard]] std::int64_t rank_of(const Layer& layer) const { return effective_rank(layer, rank); }
  /// Rule `saves`: matrices with m n > r_l (m + n); `always`: all matrices (spec 2.1).
  [[nodiscard]] bool applies(const Layer& layer) const;
  /// Throws Error (configuration) if no matrix of the model would be factored.
  void check(const Layout& layout) const;
  /// The factor before the first round: [r, m] (left) or [r, n] (right) of N(0, 1), never
  /// re-drawn with warm start.
  [[nodiscard]] at::Tensor first_factor(const Layer& layer, Side side, std::uint64_t seed,
                                        std::uint32_t index, at::ScalarType type) const;
  /// The factor to start this round from: the shared one ("left" or "right"), or a fresh
  /// one without warm start.
  [[nodiscard]] at::Tensor start(const Exchange& exchange, Side side) const;
  /// The factors of all workers [K, r, D] as a block: one group of r D symbols, or r groups of D.
  [[nodiscard]] at::Tensor block(const at::Tensor& factors) const;
};

/// What the four transports have in common: all but the order in which factors are sent.
class LowRankCompressor : public Compressor {
 public:
  LowRankCompressor(const CompressorOptions& options, FactorsPerRound factors)
      : shape_(options), factors_(factors) {}
  /// Of those that are linear in the messages; the others say so.
  [[nodiscard]] Traits traits() const override {
    return {.linear = true,
            .splits = true,
            .exact = false,
            .factored = true,
            .draws_rounds = !shape_.warm_start,
            .draws_tensors = true};
  }
  [[nodiscard]] bool applies(const Layer& layer) const final { return shape_.applies(layer); }
  void check(const Layout& layout) const final { shape_.check(layout); }
  /// The factors that rounds start from; none without a warm start, where every round draws its own.
  [[nodiscard]] NamedTensors initial_state(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                           at::ScalarType type) const final {
    return shape_.warm_start ? first_state(layer, index, seed, type) : NamedTensors{};
  }
  [[nodiscard]] double symbols(const Layer& layer) const final;
  [[nodiscard]] double lag(const Layer& layer) const final;

 protected:
  /// The factors that the first round starts from.
  [[nodiscard]] virtual NamedTensors first_state(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                                 at::ScalarType type) const = 0;
  /// Those that the next round starts from.
  [[nodiscard]] NamedTensors lasting(NamedTensors factors) const {
    return shape_.warm_start ? std::move(factors) : NamedTensors{};
  }

  LowRankShape shape_;

 private:
  FactorsPerRound factors_;
};

/// Rows of `a` [r, D] replaced by the orthonormal basis of their span: orth(A)^T with A = a^T (spec 2.2), or
/// for each of [K, r, D]. Rank-deficient rows are replaced from the stream.
at::Tensor orthonormal_rows(const at::Tensor& a, const StreamKey& replacement);

std::unique_ptr<Compressor> make_alternating(const CompressorOptions& options);
std::unique_ptr<Compressor> make_two_phase(const CompressorOptions& options);
std::unique_ptr<Compressor> make_one_shot(const CompressorOptions& options);
std::unique_ptr<Compressor> make_parallel(const CompressorOptions& options);

}  // namespace laser
