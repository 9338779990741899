// The low-rank hot path: error feedback, factor products and norms of many matrices in one pass over memory.
//
// A round of low-rank compression touches every parameter for M = e + s g, for M^T B or M B, and for the next
// e = M - (own reconstruction). Here the last step is left pending as two thin factors and done at the start
// of the next pass, so that a number is read and written once: 12 bytes a parameter in float32, the traffic
// of an in-place M += a g. Factors are transposed, [r, rows] and [r, columns]. What is sent, at what power
// and through which channel is not known here.
//
// Work is cut into pieces of rows by size alone, and sums go in the order of the pieces: the same bits for
// every number of threads. Targets of different vector width may differ in the last bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "laser/core/bfloat16.hpp"
#include "laser/core/random.hpp"

namespace laser {

/// A matrix factored as left^T right, with left [rank, rows] and right [rank, columns], both contiguous.
template <class T>
struct FactorPair {
  std::size_t rank = 0;  // 0: no such product
  const T* left = nullptr;
  const T* right = nullptr;
};

/// One matrix [rows, columns] of one worker in a pass. Memory and gradient are float, double or Bfloat16,
/// contiguous; all else is in `Work` (double where the memory is double, otherwise float).
template <class Memory, class Gradient>
struct PassMatrix {
  using Work = std::conditional_t<std::is_same_v<Memory, double>, double, float>;

  std::size_t rows = 0;
  std::size_t columns = 0;
  Memory* memory = nullptr;            // M <- M - pending + scale * gradient; null: M is scale * gradient
  const Gradient* gradient = nullptr;  // null: nothing is added
  Work scale = 1;
  FactorPair<Work> pending;  // subtracted first

  // Products of the new M, each where its rank is not 0 and its place is given.
  std::size_t rank = 0;
  const Work* left_basis = nullptr;   // [rank, rows]: right_factor = left_basis M
  const Work* right_basis = nullptr;  // [rank, columns]: left_factor = right_basis M^T
  bool compose = false;               // right_factor = left_factor M, with the left factor just computed
  Work* left_factor = nullptr;        // [rank, rows]
  Work* right_factor = nullptr;       // [rank, columns]

  StreamKey rounding;  // for Bfloat16 memory: the stream of the stochastic rounding, half a word a number

  bool squares = false;       // whether to compute
  double sum_of_squares = 0;  // of M; not finite if M is not. 0 where it is not asked for
};

/// Runs the pass over all matrices on the threads of for_each_piece(). Ranks from 0 to 64 and any sizes.
template <class Memory, class Gradient>
void fused_pass(std::span<PassMatrix<Memory, Gradient>> matrices);

/// A place [rows, columns], contiguous, for the product of two factors.
template <class T>
struct ProductMatrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  FactorPair<T> factors;
  T* out = nullptr;
};

/// out = left^T right for all matrices (spec 2.4: the server's estimate). float or double.
template <class T>
void write_products(std::span<const ProductMatrix<T>> matrices);

namespace reference {

/// What fused_pass() does to one matrix, number by number, in double.
template <class Memory, class Gradient>
void fused_pass(PassMatrix<Memory, Gradient>& matrix);

}  // namespace reference
}  // namespace laser
