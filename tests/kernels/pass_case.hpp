// A matrix with all that a pass reads and writes, for the tests of its CPU and GPU versions.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "laser/kernels/fused_pass.hpp"
#include "laser/kernels/normal.hpp"

namespace laser {

/// `size` normal numbers times `scale`.
template <class T>
std::vector<T> draws(std::size_t size, std::uint32_t unit, double scale) {
  std::vector<float> normals(size);
  fill_normal(normals, {7, Purpose::kTest, 0, 0, unit});
  std::vector<T> values;
  for (const float z : normals) {
    const double x = scale * static_cast<double>(z);
    if constexpr (std::is_same_v<T, Bfloat16>) {
      values.push_back(to_bfloat16(static_cast<float>(x)));
    } else {
      values.push_back(static_cast<T>(x));
    }
  }
  return values;
}

enum class Wanted { kLeft, kRight, kBoth, kComposed, kNothing };

/// A matrix with everything that a pass reads and writes.
template <class M, class G>
struct Case {
  using W = typename PassMatrix<M, G>::Work;
  std::vector<M> memory;
  std::vector<G> gradient;
  std::vector<W> pending_left, pending_right, left_basis, right_basis, left, right;
  PassMatrix<M, G> matrix;

  Case(std::size_t rows, std::size_t columns, std::size_t pending, std::size_t rank, Wanted wanted,
       double scale)
      : memory(draws<M>(rows * columns, 1, scale)),
        gradient(draws<G>(rows * columns, 2, scale)),
        pending_left(draws<W>(pending * rows, 3, 1)),
        pending_right(draws<W>(pending * columns, 4, scale)),
        left_basis(draws<W>(rank * rows, 5, 1)),
        right_basis(draws<W>(rank * columns, 6, 1)),
        left(rank * rows, W{-1}),
        right(rank * columns, W{-1}) {
    matrix.rows = rows;
    matrix.columns = columns;
    matrix.memory = memory.data();
    matrix.gradient = gradient.data();
    matrix.scale = W(0.75);
    matrix.pending = {pending, pending_left.data(), pending_right.data()};
    matrix.rank = rank;
    matrix.squares = true;
    matrix.rounding = {3, Purpose::kRounding, 5, 2, 1};
    if (wanted == Wanted::kRight || wanted == Wanted::kBoth) matrix.left_basis = left_basis.data();
    if (wanted == Wanted::kLeft || wanted == Wanted::kBoth || wanted == Wanted::kComposed) {
      matrix.right_basis = right_basis.data();
      matrix.left_factor = left.data();
    }
    if (wanted != Wanted::kLeft && wanted != Wanted::kNothing) matrix.right_factor = right.data();
    matrix.compose = wanted == Wanted::kComposed;
  }
  Case(const Case&) = delete;
};

inline double value_of(double x) { return x; }
inline double value_of(float x) { return static_cast<double>(x); }
inline double value_of(Bfloat16 x) { return static_cast<double>(to_float(x)); }

/// ||a - b|| / ||b||, in a form that large and small numbers survive.
template <class T>
double difference(const std::vector<T>& a, const std::vector<T>& b) {
  double largest = 0, error = 0, norm = 0;
  for (const T x : b) largest = std::max(largest, std::abs(value_of(x)));
  if (largest == 0) largest = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += std::pow((value_of(a[i]) - value_of(b[i])) / largest, 2);
    norm += std::pow(value_of(b[i]) / largest, 2);
  }
  return norm > 0 ? std::sqrt(error / norm) : std::sqrt(error);
}

inline constexpr Wanted kAll[] = {Wanted::kLeft, Wanted::kRight, Wanted::kBoth, Wanted::kComposed,
                                  Wanted::kNothing};
inline constexpr std::size_t kShapes[][2] = {{1, 1},    {1, 37},    {37, 1},   {3, 5},
                                             {4, 16},   {5, 255},   {6, 256},  {7, 257},
                                             {10, 784}, {130, 520}, {64, 576}, {1100, 513}};

}  // namespace laser
