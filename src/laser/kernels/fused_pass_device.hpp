// The fused pass for a GPU: a team of threads takes a piece of rows of one
// matrix (see fused_pass.hpp).
//
// Written for any kind of team: team.each(f) calls f(t) once for every thread t of the team and returns
// when all are through. On the GPU a team is a thread block and each() ends with a barrier; the CPU's tests
// run the threads one after the other. A thread owns every kThreads-th column, so that sums over rows need
// no exchange; sums over columns are added up in a fixed order. Nothing depends on what runs when: same
// bits on every run.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "laser/core/bfloat16.hpp"
#include "laser/core/host_device.hpp"
#include "laser/kernels/fused_pass.hpp"
#include "laser/kernels/normal_device.hpp"
#include "laser/kernels/philox_schedule.hpp"

namespace laser::device {

inline constexpr std::size_t kStrip = 8;      // rows that a thread holds of a column
inline constexpr std::size_t kRankGroup = 4;  // columns of the factors that it works on at a time
inline constexpr std::size_t kSums = kStrip * kRankGroup;
/// Threads in a team: what they share fits in 48 KiB.
template <class Work>
inline constexpr std::size_t kThreads = sizeof(Work) == 4 ? 256 : 128;

/// What the threads of a team share.
template <class Work>
struct PassShared {
  static constexpr std::size_t kFolds = kThreads<Work> / kSums;
  Work sums[kSums][kThreads<Work> + kFolds];  // of each thread; padded against bank conflicts
  Work folded[kSums][kFolds];
  double squares[kThreads<Work>];
};

/// Rows [first, last) of a matrix. `partial` is the place of its own right factor in the scratch memory, or
/// kInPlace where the matrix is one piece.
struct PassPiece {
  static constexpr std::size_t kInPlace = ~std::size_t{0};
  std::size_t matrix;
  std::size_t first, last;
  std::size_t partial;
};

/// The pieces of some matrices, in the order in which their right factors are added up.
struct PassPlan {
  std::vector<PassPiece> pieces;
  std::vector<std::size_t> first_piece;  // [matrices + 1]
  std::size_t scratch = 0;               // numbers
};

/// Cuts by size alone: enough pieces for a GPU, and rows enough that a piece's own right factor
/// is small beside it.
template <class Memory, class Gradient>
PassPlan plan_pass(std::span<const PassMatrix<Memory, Gradient>> matrices) {
  constexpr std::size_t kPiece = std::size_t{1} << 16;  // numbers
  PassPlan plan;
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    const auto& m = matrices[i];
    plan.first_piece.push_back(plan.pieces.size());
    const std::size_t rows = (std::max(kPiece / m.columns, 8 * m.rank) + kStrip - 1) / kStrip * kStrip;
    const std::size_t step = std::max(rows, kStrip);
    for (std::size_t row = 0; row < m.rows; row += step) {
      PassPiece piece{i, row, std::min(m.rows, row + step), PassPiece::kInPlace};
      if (m.right_factor != nullptr && step < m.rows) {
        piece.partial = plan.scratch;
        plan.scratch += m.rank * m.columns;
      }
      plan.pieces.push_back(piece);
    }
  }
  plan.first_piece.push_back(plan.pieces.size());
  return plan;
}

LASER_HOST_DEVICE inline float work_value(float x) { return x; }
LASER_HOST_DEVICE inline double work_value(double x) { return x; }
LASER_HOST_DEVICE inline float work_value(Bfloat16 x) { return to_float(x); }

/// Computes M <- M - pending + scale * gradient at one place, stores it, and returns what is stored.
template <class M, class G>
LASER_HOST_DEVICE inline auto update_number(const PassMatrix<M, G>& m, const PhiloxSchedule& rounding,
                                            std::size_t row, std::size_t column) {
  using Work = typename PassMatrix<M, G>::Work;
  const std::size_t at = row * m.columns + column;
  if (m.memory == nullptr) return static_cast<Work>(m.scale * work_value(m.gradient[at]));
  Work x = work_value(m.memory[at]);
  for (std::size_t j = 0; j < m.pending.rank; ++j) {
    x = multiply_add(-m.pending.left[j * m.rows + row], m.pending.right[j * m.columns + column], x);
  }
  if (m.gradient != nullptr) x = multiply_add(m.scale, static_cast<Work>(work_value(m.gradient[at])), x);
  if constexpr (std::is_same_v<M, Bfloat16>) {
    const std::size_t word = at / 2;
    const std::uint32_t random = philox_block(rounding, static_cast<std::uint32_t>(word / 4))[word % 4];
    m.memory[at] = to_bfloat16(x, static_cast<std::uint16_t>(random >> (16 * (at % 2))));
  } else {
    m.memory[at] = x;
  }
  return static_cast<Work>(work_value(m.memory[at]));
}

/// The number that update_number() left at one place.
template <class M, class G>
LASER_HOST_DEVICE inline auto updated_number(const PassMatrix<M, G>& m, std::size_t row, std::size_t column) {
  using Work = typename PassMatrix<M, G>::Work;
  const std::size_t at = row * m.columns + column;
  if (m.memory != nullptr) return static_cast<Work>(work_value(m.memory[at]));
  return static_cast<Work>(m.scale * work_value(m.gradient[at]));
}

/// A strip of a piece: up to kStrip rows from `row` on.
struct Strip {
  std::size_t row, rows;
};

/// Adds the product of kRankGroup columns of the left basis with the numbers x of one column
/// to the right factor.
template <class M, class G, class Work>
LASER_HOST_DEVICE inline void add_to_right(const PassMatrix<M, G>& m, const Strip& strip, std::size_t rank,
                                           std::size_t ranks, std::size_t column, const Work* left,
                                           const Work (&x)[kStrip], Work* right) {
  for (std::size_t k = 0; k < kRankGroup; ++k) {
    if (k >= ranks) break;
    const Work* const coefficients = left + (rank + k) * m.rows + strip.row;
    Work sum = right[(rank + k) * m.columns + column];
    for (std::size_t r = 0; r < kStrip; ++r) {
      if (r < strip.rows) sum = multiply_add(coefficients[r], x[r], sum);
    }
    right[(rank + k) * m.columns + column] = sum;
  }
}

/// What thread t does with its columns of a strip, for `ranks` columns of the factors from number `rank` on:
/// the update (with the first of them), its share of the dot products, and the right factor.
template <class M, class G, class Work>
LASER_HOST_DEVICE inline void pass_columns(const PassMatrix<M, G>& m, const PhiloxSchedule& rounding,
                                           const Strip& strip, std::size_t rank, std::size_t ranks,
                                           std::size_t t, Work* right, PassShared<Work>& shared) {
  const bool dots = m.right_basis != nullptr && m.left_factor != nullptr;
  Work sums[kRankGroup][kStrip] = {};
  double squares = 0;
  for (std::size_t column = t; column < m.columns; column += kThreads<Work>) {
    Work x[kStrip];
    for (std::size_t r = 0; r < kStrip; ++r) {
      x[r] = 0;
      if (r >= strip.rows) continue;
      const std::size_t row = strip.row + r;
      x[r] = rank == 0 ? update_number(m, rounding, row, column) : updated_number(m, row, column);
      if (rank == 0 && m.squares) squares += static_cast<double>(x[r]) * static_cast<double>(x[r]);
    }
    if (dots) {
      for (std::size_t k = 0; k < kRankGroup; ++k) {
        if (k >= ranks) break;
        const Work basis = m.right_basis[(rank + k) * m.columns + column];
        for (std::size_t r = 0; r < kStrip; ++r) sums[k][r] = multiply_add(x[r], basis, sums[k][r]);
      }
    }
    if (m.left_basis != nullptr && right != nullptr) {
      add_to_right(m, strip, rank, ranks, column, m.left_basis, x, right);
    }
  }
  shared.squares[t] += squares;
  if (!dots) return;
  for (std::size_t k = 0; k < kRankGroup; ++k) {
    for (std::size_t r = 0; r < kStrip; ++r) shared.sums[k * kStrip + r][t] = sums[k][r];
  }
}

/// One piece. `right` is its right factor [rank, columns] or null; the sum of squares goes to `squares`.
template <class Team, class M, class G, class Work>
LASER_HOST_DEVICE inline void pass_piece(const Team& team, const PassMatrix<M, G>& m, const PassPiece& piece,
                                         Work* right, double* squares, PassShared<Work>& shared) {
  constexpr std::size_t kFolds = PassShared<Work>::kFolds;
  const bool dots = m.right_basis != nullptr && m.left_factor != nullptr;
  const PhiloxSchedule rounding = philox_schedule(m.rounding);
  team.each([&](std::size_t t) {
    shared.squares[t] = 0;
    if (right == nullptr) return;
    for (std::size_t j = 0; j < m.rank; ++j) {
      for (std::size_t c = t; c < m.columns; c += kThreads<Work>) right[j * m.columns + c] = 0;
    }
  });
  for (std::size_t row = piece.first; row < piece.last; row += kStrip) {
    const Strip strip{row, piece.last - row < kStrip ? piece.last - row : kStrip};
    std::size_t rank = 0;
    do {
      const std::size_t ranks = m.rank - rank < kRankGroup ? m.rank - rank : kRankGroup;
      team.each([&](std::size_t t) { pass_columns(m, rounding, strip, rank, ranks, t, right, shared); });
      if (dots) {
        team.each([&](std::size_t t) {
          const std::size_t sum = t / kFolds, fold = t % kFolds;
          Work total = 0;
          for (std::size_t i = fold; i < kThreads<Work>; i += kFolds) total += shared.sums[sum][i];
          shared.folded[sum][fold] = total;
        });
        team.each([&](std::size_t t) {
          const std::size_t k = t / kStrip, r = t % kStrip;
          if (t >= kSums || k >= ranks || r >= strip.rows) return;
          Work total = 0;
          for (std::size_t fold = 0; fold < kFolds; ++fold) total += shared.folded[t][fold];
          m.left_factor[(rank + k) * m.rows + row + r] = total;
        });
      }
      rank += kRankGroup;
    } while (rank < m.rank);
    if (!m.compose || right == nullptr) continue;
    team.each([&](std::size_t t) {  // the left factor of these rows is complete now
      for (std::size_t column = t; column < m.columns; column += kThreads<Work>) {
        Work x[kStrip] = {};
        for (std::size_t r = 0; r < kStrip; ++r) {
          if (r < strip.rows) x[r] = updated_number(m, row + r, column);
        }
        for (std::size_t j = 0; j < m.rank; j += kRankGroup) {
          const std::size_t ranks = m.rank - j < kRankGroup ? m.rank - j : kRankGroup;
          add_to_right(m, strip, j, ranks, column, static_cast<const Work*>(m.left_factor), x, right);
        }
      }
    });
  }
  team.each([&](std::size_t t) {
    if (t != 0) return;
    double total = 0;
    for (const double sum : shared.squares) total += sum;
    *squares = total;
  });
}

/// Number i of a matrix's right factor from those of its pieces, `pieces` of them, in scratch memory.
template <class Work>
LASER_HOST_DEVICE inline Work sum_of_pieces(const Work* partial, std::size_t pieces, std::size_t stride,
                                            std::size_t i) {
  Work sum = partial[i];
  for (std::size_t p = 1; p < pieces; ++p) sum += partial[p * stride + i];
  return sum;
}

}  // namespace laser::device
