// GPT-2 (spec 5.1): the paper's, without biases, and the standard one [Radford et al. 2019];
// tokens in, gradients out.
//
// Pre-LN blocks of causal self-attention and a four times wider GELU layer, positions that are learned, a
// head tied to the embedding. Parameters and gradients are flat vectors of the caller; the network keeps no
// state, so any number of threads may use one object. Works wherever LibTorch does (CPU, CUDA), in float or
// double. Data and optimizer are elsewhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "laser/core/layout.hpp"
#include "laser/core/random.hpp"
#include "laser/model/shapes.hpp"

namespace laser {

struct Gpt2Options {
  std::int64_t heads = 12;  // a divisor of the width
  double dropout = 0;       // rate after the embedding, of attention weights and after both layers of a block
  bool tanh_gelu = false;   // GELU by its tanh approximation, as published weights expect
  // Products and attention in bfloat16; parameters, gradients and residuals stay float
  bool bfloat16 = false;
  bool recompute_blocks = false;  // keep only the blocks' inputs and compute the rest again in backward
};

/// Sequences of tokens and, for each, the token that follows.
struct TokenBatch {
  at::Tensor inputs;   // [n, T] int64, T at most the context
  at::Tensor targets;  // [n, T] int64
};

/// What one worker learns from in one round: gradients of the batches are added up (spec 5, E1).
struct TokenBatches {
  std::vector<TokenBatch> steps;
  StreamKey dropout;  // seed, round and worker (unit) of the masks; Purpose::kDropout
};

class Gpt2 {
 public:
  /// Throws Error (configuration) on a dimension below 1, heads that don't divide the width, or a rate
  /// outside [0, 1).
  explicit Gpt2(const Gpt2Size& size, const Gpt2Options& options = {});

  /// The tensors of gpt2_layout(size).
  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] const Gpt2Size& size() const { return size_; }

  /// N(0, 0.02^2) for matrices, divided by sqrt(2 layers) where they write to the residual stream;
  /// layer norms start as the identity, biases at 0 (spec 5). From the seed's streams. `parameters` [d]
  /// float, on any device.
  void initialise(const at::Tensor& parameters, std::uint64_t seed) const;

  /// Logits [n, T, vocabulary] of inputs [n, T] without dropout. Throws Error (data) on tokens
  /// that the model lacks.
  [[nodiscard]] at::Tensor logits(const at::Tensor& parameters, const at::Tensor& inputs) const;

  /// Sum over the steps of each batch's mean cross-entropy: its gradient overwrites `gradient` [d]; returns
  /// the mean over the steps. Thread-safe. Throws Error (data) on tokens that the model lacks.
  double gradient(const at::Tensor& parameters, const TokenBatches& batches,
                  const at::Tensor& gradient) const;

  /// The same for every worker, at `parameters` [d], or [K, d] where each has its own: row i of `gradients`
  /// [K, d] and losses[i]. On the CPU each worker is computed
  /// by one thread, so the bits do not depend on the number of threads.
  void gradients(const at::Tensor& parameters, std::span<const TokenBatches> workers,
                 const at::Tensor& gradients, std::span<double> losses) const;

  /// Memory that the gradient of a batch [n, length] takes at most beside parameters and gradient, bytes; an
  /// estimate for the CPU.
  [[nodiscard]] double activation_bytes(std::int64_t n, std::int64_t length) const;

  /// Mean cross-entropy (nats) over all tokens of all batches, without dropout: perplexity is its
  /// exponential. Same bits for every number of threads.
  [[nodiscard]] double evaluate(const at::Tensor& parameters, std::span<const TokenBatch> batches) const;

 private:
  class Pass;
  [[nodiscard]] at::Tensor backward(const at::Tensor& parameters, const TokenBatches& batches,
                                    const at::Tensor& gradient) const;
  void require_tokens(const at::Tensor& ids) const;

  Gpt2Size size_;
  Gpt2Options options_;
  Layout layout_;
};

}  // namespace laser
