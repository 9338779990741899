// The compressors that see a tensor as a plain vector; one file each.
#pragma once

#include "laser/compress/compressor.hpp"

namespace laser {

std::unique_ptr<Compressor> make_identity(const CompressorOptions& options);
std::unique_ptr<Compressor> make_random_k(const CompressorOptions& options);
std::unique_ptr<Compressor> make_count_sketch(const CompressorOptions& options);
std::unique_ptr<Compressor> make_sign(const CompressorOptions& options);
std::unique_ptr<Compressor> make_top_k_projection(const CompressorOptions& options);

/// A message [K, m, n] as one group of symbols a worker, [K, 1, d]; a view where the memory allows it.
at::Tensor flat_symbols(const at::Tensor& message);

/// A received group [1, d] in the shape of the tensor, [m, n].
at::Tensor in_layer_shape(const at::Tensor& values, const Layer& layer);

}  // namespace laser
