// The pass's definition: what the vectorised one must agree with.
#include <type_traits>
#include <vector>

#include "laser/kernels/fused_pass.hpp"

namespace laser::reference {
namespace {

double value_of(float x) { return static_cast<double>(x); }
double value_of(double x) { return x; }
double value_of(Bfloat16 x) { return static_cast<double>(to_float(x)); }

/// Stores a number in the memory and returns what it holds then.
template <class Memory>
double store(Memory& place, double value, const StreamKey& rounding, std::size_t index) {
  if constexpr (std::is_same_v<Memory, Bfloat16>) {
    const auto word = random_word(rounding, index / 2) >> (16 * (index % 2));
    place = to_bfloat16(static_cast<float>(value), static_cast<std::uint16_t>(word));
  } else {
    place = static_cast<Memory>(value);
  }
  return value_of(place);
}

}  // namespace

template <class Memory, class Gradient>
void fused_pass(PassMatrix<Memory, Gradient>& m) {
  using Work = typename PassMatrix<Memory, Gradient>::Work;
  std::vector<double> message(m.rows * m.columns);
  m.sum_of_squares = 0;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const std::size_t r = i / m.columns, c = i % m.columns;
    double x = m.memory != nullptr ? value_of(m.memory[i]) : 0.0;
    for (std::size_t j = 0; j < m.pending.rank; ++j) {
      x -= value_of(m.pending.left[j * m.rows + r]) * value_of(m.pending.right[j * m.columns + c]);
    }
    if (m.gradient != nullptr) x += value_of(m.scale) * value_of(m.gradient[i]);
    message[i] = m.memory != nullptr ? store(m.memory[i], x, m.rounding, i) : x;
    m.sum_of_squares += message[i] * message[i];
  }
  if (m.right_basis != nullptr && m.left_factor != nullptr) {
    for (std::size_t j = 0; j < m.rank; ++j) {
      for (std::size_t r = 0; r < m.rows; ++r) {
        double sum = 0;
        for (std::size_t c = 0; c < m.columns; ++c) {
          sum += message[r * m.columns + c] * value_of(m.right_basis[j * m.columns + c]);
        }
        m.left_factor[j * m.rows + r] = static_cast<Work>(sum);
      }
    }
  }
  const Work* left = m.compose ? m.left_factor : m.left_basis;
  if (left == nullptr || m.right_factor == nullptr) return;
  for (std::size_t j = 0; j < m.rank; ++j) {
    for (std::size_t c = 0; c < m.columns; ++c) {
      double sum = 0;
      for (std::size_t r = 0; r < m.rows; ++r) {
        sum += message[r * m.columns + c] * value_of(left[j * m.rows + r]);
      }
      m.right_factor[j * m.columns + c] = static_cast<Work>(sum);
    }
  }
}

template void fused_pass(PassMatrix<float, float>&);
template void fused_pass(PassMatrix<double, double>&);
template void fused_pass(PassMatrix<float, Bfloat16>&);
template void fused_pass(PassMatrix<Bfloat16, float>&);
template void fused_pass(PassMatrix<Bfloat16, Bfloat16>&);

}  // namespace laser::reference
