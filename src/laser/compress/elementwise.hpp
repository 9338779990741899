// The compressors that see a tensor as a plain vector; one file each.
#pragma once

#include "laser/compress/compressor.hpp"

namespace laser {

/// A compressor of which a tensor gets compression_factor symbols a number.
class FractionCompressor : public Compressor {
 public:
  explicit FractionCompressor(const CompressorOptions& options) : factor_(options.compression_factor) {}
  [[nodiscard]] double symbols(const Layer& layer) const final {
    return static_cast<double>(kept_coordinates(layer.size, factor_));
  }
  [[nodiscard]] double lag(const Layer&) const final { return 1 / factor_; }

 protected:
  double factor_;
};

std::unique_ptr<Compressor> make_identity(const CompressorOptions& options);
std::unique_ptr<Compressor> make_random_k(const CompressorOptions& options);
std::unique_ptr<Compressor> make_sweep(const CompressorOptions& options);
std::unique_ptr<Compressor> make_count_sketch(const CompressorOptions& options);
std::unique_ptr<Compressor> make_sign(const CompressorOptions& options);
std::unique_ptr<Compressor> make_top_k_projection(const CompressorOptions& options);
std::unique_ptr<Compressor> make_top_k_mean(const CompressorOptions& options);
std::unique_ptr<Compressor> make_top_k_pilot(const CompressorOptions& options);
std::unique_ptr<Compressor> make_age_top_k(const CompressorOptions& options);

/// A message [K, m, n] as one group of symbols a worker, [K, 1, d]; a view where the memory allows it.
at::Tensor flat_symbols(const at::Tensor& message);

/// A received group [1, d] in the shape of the tensor, [m, n].
at::Tensor in_layer_shape(const at::Tensor& values, const Layer& layer);

/// Room for an estimate [d] of the type that `options` name: exchange.out where there is one.
at::Tensor room_for_estimate(const Exchange& exchange, const at::TensorOptions& options);

/// The symbols [K, 1, d] at `indices` [b] (int32, ascending): [K, 1, b].
at::Tensor take_coordinates(const at::Tensor& symbols, const at::Tensor& indices);

/// The inverse at the server: `values` (b numbers) at `indices` of `out` [d], 0 elsewhere.
void spread_coordinates(const at::Tensor& values, const at::Tensor& indices, const at::Tensor& out);

/// memory [K, m, n] is zeroed at the flat `indices` [b].
void clear_coordinates(at::Tensor& memory, const at::Tensor& indices);

/// The largest q <= max(1, size/2) for which the places of q of `size` entries and a sign, log2(size choose
/// q) + 1 bits, take at most `bits`; 0 where none do.
std::int64_t places_within(std::int64_t size, double bits);

/// log2(size choose count).
double bits_of_places(std::int64_t size, std::int64_t count);

/// Indices of the `count` entries of largest magnitude, ties by lower index, ascending. float or double.
template <class T>
std::vector<std::int32_t> largest_entries(std::span<const T> values, std::int64_t count);

}  // namespace laser
