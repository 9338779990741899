// GPT-2's weights under the names and shapes in which they are commonly exchanged
// (Hugging Face, OpenAI's checkpoints).
//
// There the matrices of blocks are [inputs, outputs], ours are [outputs, inputs] (spec 2.1); names may begin
// with "transformer.". Tensors only: files are read and written elsewhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "laser/core/layout.hpp"
#include "laser/model/shapes.hpp"

namespace laser {

using NamedWeights = std::map<std::string, at::Tensor>;

/// The size of the model that these weights are of, from their names and shapes. Throws Error (data) if they
/// are no GPT-2's.
[[nodiscard]] Gpt2Size gpt2_size_of(const NamedWeights& weights);

/// Writes the weights, of any floating-point type, to `parameters` [d] of a model of this size. Buffers of
/// masks and a head equal to the embedding are passed over. Throws Error (data) naming the tensor that is
/// missing, not known, of another shape, or not of floating-point numbers.
void import_gpt2(const NamedWeights& weights, const Gpt2Size& size, const at::Tensor& parameters);

/// The parameters [d] (or a gradient) of a model of this size as named tensors of their
/// own memory, without prefix.
[[nodiscard]] NamedWeights export_gpt2(const Gpt2Size& size, const at::Tensor& parameters);

}  // namespace laser
