// A-DSGD (spec 4, 4.1): A top_K(M_i) with a fixed Gaussian A [s, d_l], entries N(0, 1/s), decoded by one of
//   pinv   A^T (A A^T)^-1 y, the minimum-norm solution; the noise level is not used
//   lmmse  t A^T (t A A^T + sigma^2 I)^-1 y, t estimated from ||y||
//   amp    approximate message passing with soft thresholds, stopped when it grows, backed up by lmmse
// As `top_k_pilot` in its authors' own format: one projection less and a last symbol of 1, by which the
// server divides what it hears, decoded by amp. The pilot has the unit 1, gradients have another: large ones
// drown it. Where a worker sends at full power (channel `saturating`) its a_i is P / (||A v_i||^2 + 1), as
// there; unlike there every tensor is projected by itself and no mean is removed.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "laser/compress/elementwise.hpp"
#include "laser/compress/sums.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/kernels/normal.hpp"

namespace laser {

template <class T>
std::vector<std::int32_t> largest_entries(std::span<const T> values, std::int64_t count) {
  std::vector<T> magnitudes(values.size());
  std::transform(values.begin(), values.end(), magnitudes.begin(), [](T v) { return std::abs(v); });
  auto sorted = magnitudes;
  const auto nth = sorted.begin() + (count - 1);
  std::nth_element(sorted.begin(), nth, sorted.end(), std::greater<>());
  const T threshold = *nth;
  auto ties = count - std::count_if(magnitudes.begin(), magnitudes.end(), [&](T v) { return v > threshold; });
  std::vector<std::int32_t> chosen;
  for (std::size_t j = 0; j < magnitudes.size(); ++j) {
    if (magnitudes[j] > threshold || (magnitudes[j] == threshold && ties-- > 0)) {
      chosen.push_back(static_cast<std::int32_t>(j));
    }
  }
  return chosen;
}

template std::vector<std::int32_t> largest_entries(std::span<const float>, std::int64_t);
template std::vector<std::int32_t> largest_entries(std::span<const double>, std::int64_t);

namespace {

constexpr std::int64_t kLargestProjection = std::int64_t{1} << 28;
constexpr int kAmpIterations = 30;
constexpr double kAmpThreshold = 2.0;  // in units of the residual's standard deviation; 1.1 diverges
constexpr double kAmpGrowth = 3.0;     // stop when the residual grows this much over its best

class TopKProjection final : public FractionCompressor {
 public:
  explicit TopKProjection(const CompressorOptions& options, bool pilot = false)
      : FractionCompressor(options), decoder_(pilot ? "amp" : options.decoder), pilot_(pilot) {}

  [[nodiscard]] Traits traits() const override {
    return {.linear = false,
            .splits = false,
            .exact = false,
            .scales = !pilot_,
            .absolute = pilot_,
            .draws_tensors = true};
  }
  /// A tensor that leaves no room for a projection beside the pilot is sent as it is.
  [[nodiscard]] bool applies(const Layer& layer) const override {
    return !pilot_ || kept_coordinates(layer.size, factor_) > 1;
  }

  void check(const Layout& layout) const override {
    for (const auto& layer : layout.layers) {
      if (applies(layer) && projections(layer) * layer.size > kLargestProjection) {
        fail(ExitCode::kConfiguration,
             "{} needs a {} x {} matrix for tensor '{}', over the limit of 2^28 entries. HINT: lower "
             "compression_factor (now {}) or use another method",
             pilot_ ? "top_k_pilot" : "top_k_projection", projections(layer), layer.size, layer.name,
             factor_);
      }
    }
  }

  [[nodiscard]] NamedTensors constants(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                       at::ScalarType type) const override {
    const auto s = projections(layer);
    auto transposed = at::empty({layer.size, s}, at::TensorOptions().dtype(type));  // A^T
    with_span(transposed, [&](auto span) { fill_normal(span, {seed, Purpose::kProjection, 0, index, 0}); });
    transposed.mul_(1.0 / std::sqrt(static_cast<double>(s)));
    NamedTensors result{{"transposed", transposed}};
    // On one thread, as pieces beside others have it: LibTorch's decompositions have other bits on several.
    for_each_piece(2, [&](std::size_t piece) {
      if (piece != 0) return;
      use_one_thread();
      const auto gram = at::mm(transposed.t(), transposed).to(at::kDouble);
      if (decoder_ == "pinv") {
        result["inverse"] = at::cholesky_inverse(at::linalg_cholesky(gram)).to(type);
        return;
      }
      const auto [values, vectors] = at::linalg_eigh(gram);  // A A^T = U diag(e) U^T
      result["values"] = values.to(type);
      result["vectors"] = vectors.to(type);
    });
    return result;
  }

  Message encode(Exchange& exchange, int) const override {
    const auto flat = flat_symbols(exchange.message);
    const auto workers = flat.size(0), count = largest(*exchange.layer);
    auto indices = at::empty({workers * count}, at::kInt);
    auto values = at::empty({workers * count}, flat.options());
    for (std::int64_t i = 0; i < workers; ++i) {
      with_span(flat[i][0], [&](auto row) {
        using T = element_of<decltype(row)>;
        const auto chosen = largest_entries(std::span<const T>(row), count);
        std::copy(chosen.begin(), chosen.end(), indices.data_ptr<std::int32_t>() + i * count);
        std::transform(chosen.begin(), chosen.end(), values.data_ptr<T>() + i * count,
                       [&](std::int32_t j) { return row[static_cast<std::size_t>(j)]; });
      });
    }
    const auto offsets = at::arange(0, workers * count, count, at::kInt);
    // Sums of count rows of A^T with weights: a sparse product, one row a worker.
    const auto projected = std::get<0>(
        at::embedding_bag(exchange.constants->at("transposed"), indices, offsets, false, 0, false, values));
    exchange.scratch = {{"indices", indices.to(at::kLong).view({workers, count})}};
    const auto symbols =
        pilot_ ? at::cat({projected, at::ones({workers, 1}, projected.options())}, 1) : projected;
    return {{symbols.unsqueeze(1)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    auto y = received[0].values.view({-1});
    const auto& constants = *exchange.constants;
    double noise = received[0].noise_std[0];
    at::Tensor estimate;
    if (pilot_) {
      const auto last = y.size(0) - 1;
      const double pilot = y[last].item<double>();
      // Noise that has turned the pilot's sign has left nothing to divide by.
      if (!(pilot > 0)) return {at::zeros_like(exchange.message[0]), {}, *exchange.shared};
      y = y.narrow(0, 0, last) / pilot;
      noise /= pilot;
    }
    if (decoder_ == "pinv") {
      estimate = at::mv(constants.at("transposed"), at::mv(constants.at("inverse"), y));
    } else if (decoder_ == "lmmse") {
      estimate = lmmse(constants, y, noise);
    } else {
      estimate = amp(constants, y, noise);
    }
    return {in_layer_shape(estimate, *exchange.layer), {}, *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    memory.view({memory.size(0), -1}).scatter_(1, exchange.scratch.at("indices"), 0);
  }

 private:
  [[nodiscard]] std::int64_t projections(const Layer& layer) const {
    return kept_coordinates(layer.size, factor_) - (pilot_ ? 1 : 0);
  }
  [[nodiscard]] std::int64_t largest(const Layer& layer) const {
    return kept_coordinates(layer.size, factor_ / 2);
  }

  static at::Tensor lmmse(const NamedTensors& constants, const at::Tensor& y, double noise) {
    const auto& transposed = constants.at("transposed");
    const auto s = static_cast<double>(y.size(0)), d = static_cast<double>(transposed.size(0));
    const double energy = inner_product(y, y);
    const double variance = std::max(0.0, energy - s * noise * noise) / d;  // E ||A x||^2 = ||x||^2
    if (variance == 0) return at::zeros({transposed.size(0)}, y.options());
    // Both scaled by one power of two, which changes no bit but keeps squares of huge and
    // tiny numbers in range.
    int exponent = 0;
    const double scaled = std::frexp(variance, &exponent), floor = std::ldexp(noise * noise, -exponent);
    if (floor > 1e30) return at::zeros({transposed.size(0)}, y.options());
    const auto& vectors = constants.at("vectors");
    const auto weights = scaled / (scaled * constants.at("values") + floor);
    return at::mv(transposed, at::mv(vectors, at::mv(vectors.t(), y) * weights));
  }

  static at::Tensor amp(const NamedTensors& constants, const at::Tensor& y, double noise) {
    const auto& transposed = constants.at("transposed");
    const auto s = static_cast<double>(y.size(0));
    auto x = at::zeros({transposed.size(0)}, y.options());
    const double peak = y.abs().max().item<double>();
    if (peak == 0) return x;
    if (!std::isfinite(peak)) return lmmse(constants, y, noise);
    // As in lmmse(): by a power of two, which changes no bit but keeps squares in range.
    int exponent = 0;
    (void)std::frexp(peak, &exponent);
    const auto scaled = y * std::ldexp(1.0, -exponent);
    auto z = scaled;
    at::Tensor best;
    double least = norm_of_all(scaled);
    for (int iteration = 0; iteration < kAmpIterations; ++iteration) {
      const double threshold = kAmpThreshold * norm_of_all(z) / std::sqrt(s);
      const auto moved = x + at::mv(transposed, z);
      x = at::sign(moved) * (moved.abs() - threshold).clamp_min(0);
      const auto nonzeros = static_cast<double>(at::count_nonzero(x).item<std::int64_t>());
      z = scaled - at::mv(transposed.t(), x) + z * (nonzeros / s);
      const double residual = norm_of_all(z);
      if (!std::isfinite(residual) || residual > kAmpGrowth * least) break;
      if (residual < least) {
        least = residual;
        best = x;
      }
    }
    // No iterate beat the start: the problem lies above the recovery limit.
    return best.defined() ? best * std::ldexp(1.0, exponent) : lmmse(constants, y, noise);
  }

  std::string decoder_;
  bool pilot_;
};

}  // namespace

std::unique_ptr<Compressor> make_top_k_projection(const CompressorOptions& options) {
  return std::make_unique<TopKProjection>(options);
}

std::unique_ptr<Compressor> make_top_k_pilot(const CompressorOptions& options) {
  return std::make_unique<TopKProjection>(options, true);
}

}  // namespace laser
