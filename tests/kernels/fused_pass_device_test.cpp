// The inner functions of the GPU's pass, run on the CPU by a team whose threads take turns.
#include "laser/kernels/fused_pass_device.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "pass_case.hpp"

namespace laser {
namespace {

/// Threads one after the other, in the order of their numbers or against it: results must not depend on it.
template <class Work>
struct TakingTurns {
  bool backwards;
  template <class Use>
  void each(const Use& use) const {
    constexpr std::size_t kThreads = device::kThreads<Work>;
    for (std::size_t t = 0; t < kThreads; ++t) use(backwards ? kThreads - 1 - t : t);
  }
};

/// What the launches of the GPU do, piece by piece.
template <class M, class G>
void pass_by_teams(std::span<PassMatrix<M, G>> matrices, bool backwards = false) {
  using Work = typename PassMatrix<M, G>::Work;
  const auto plan = device::plan_pass(std::span<const PassMatrix<M, G>>(matrices));
  std::vector<Work> scratch(plan.scratch, Work(NAN));
  std::vector<double> squares(plan.pieces.size());
  const auto shared = std::make_unique<device::PassShared<Work>>();
  std::vector<std::size_t> order(plan.pieces.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (backwards) std::reverse(order.begin(), order.end());
  for (const std::size_t p : order) {
    const auto& piece = plan.pieces[p];
    const auto& m = matrices[piece.matrix];
    const bool own = piece.partial != device::PassPiece::kInPlace;
    Work* const right = own ? scratch.data() + piece.partial : m.right_factor;
    device::pass_piece(TakingTurns<Work>{backwards}, m, piece, right, &squares[p], *shared);
  }
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    auto& m = matrices[i];
    const std::size_t first = plan.first_piece[i], pieces = plan.first_piece[i + 1] - first;
    m.sum_of_squares = device::sum_of_pieces(&squares[first], pieces, 1, 0);
    const std::size_t partial = plan.pieces[first].partial, size = m.rank * m.columns;
    if (partial == device::PassPiece::kInPlace) continue;
    for (std::size_t k = 0; k < size; ++k) {
      m.right_factor[k] = device::sum_of_pieces(scratch.data() + partial, pieces, size, k);
    }
  }
}

template <class M, class G>
void expect_agreement(std::size_t rows, std::size_t columns, std::size_t pending, std::size_t rank,
                      Wanted wanted, double scale, double tolerance) {
  Case<M, G> teams(rows, columns, pending, rank, wanted, scale);
  Case<M, G> slow(rows, columns, pending, rank, wanted, scale);
  pass_by_teams(std::span(&teams.matrix, 1));
  reference::fused_pass(slow.matrix);
  const auto where = ::testing::Message()
                     << rows << " x " << columns << ", pending " << pending << ", rank " << rank
                     << ", wanted " << static_cast<int>(wanted) << ", scale " << scale;
  EXPECT_LT(difference(teams.memory, slow.memory), tolerance) << where;
  EXPECT_LT(difference(teams.left, slow.left), tolerance) << where;
  EXPECT_LT(difference(teams.right, slow.right), tolerance) << where;
  EXPECT_NEAR(teams.matrix.sum_of_squares / slow.matrix.sum_of_squares, 1, tolerance) << where;
}

TEST(fused_pass_device, agrees_with_the_reference_in_every_shape) {
  for (const auto& [rows, columns] : kShapes) {
    for (const auto wanted : kAll) {
      expect_agreement<float, float>(rows, columns, 4, 4, wanted, 1, 2e-5);
      expect_agreement<double, double>(rows, columns, 4, 4, wanted, 1, 1e-12);
    }
  }
}

TEST(fused_pass_device, agrees_with_the_reference_at_every_rank) {
  for (std::size_t rank = 1; rank <= 33; ++rank) {
    for (const auto wanted : {Wanted::kBoth, Wanted::kComposed}) {
      expect_agreement<float, float>(70, 300, 34 - rank, rank, wanted, 1, 2e-5);
    }
  }
  expect_agreement<float, float>(9, 40, 0, 3, Wanted::kBoth, 1, 2e-5);
  expect_agreement<float, float>(9, 40, 3, 0, Wanted::kNothing, 1, 2e-5);
}

TEST(fused_pass_device, keeps_its_accuracy_at_extreme_scales) {
  for (const double scale : {1e-30, 1e-18, 1e18, 1e30}) {
    expect_agreement<float, float>(33, 300, 2, 2, Wanted::kBoth, scale, 2e-5);
    expect_agreement<double, double>(33, 300, 2, 2, Wanted::kBoth, scale, 1e-12);
  }
}

TEST(fused_pass_device, takes_short_gradients_and_memories) {
  for (const auto& [rows, columns] : kShapes) {
    expect_agreement<float, Bfloat16>(rows, columns, 4, 4, Wanted::kComposed, 1, 2e-5);
    // See the CPU's test: a few numbers may round the other way.
    expect_agreement<Bfloat16, float>(rows, columns, 4, 2, Wanted::kBoth, 1, 1e-3);
    expect_agreement<Bfloat16, Bfloat16>(rows, columns, 0, 2, Wanted::kComposed, 1, 1e-3);
  }
}

TEST(fused_pass_device, reads_a_gradient_without_memory) {
  Case<float, float> teams(130, 700, 0, 6, Wanted::kBoth, 1), slow(130, 700, 0, 6, Wanted::kBoth, 1);
  teams.matrix.memory = slow.matrix.memory = nullptr;
  pass_by_teams(std::span(&teams.matrix, 1));
  reference::fused_pass(slow.matrix);
  EXPECT_LT(difference(teams.left, slow.left), 2e-5);
  EXPECT_LT(difference(teams.right, slow.right), 2e-5);
}

TEST(fused_pass_device, bits_do_not_depend_on_who_runs_when) {
  std::vector<std::vector<float>> results;
  for (const bool backwards : {false, true}) {
    Case<float, float> large(700, 900, 4, 5, Wanted::kComposed, 1), small(3, 5, 1, 1, Wanted::kBoth, 1);
    PassMatrix<float, float> both[] = {small.matrix, large.matrix};
    pass_by_teams(std::span<PassMatrix<float, float>>(both), backwards);
    for (const auto* part : {&large.right, &large.left, &small.right, &small.left}) {
      large.memory.insert(large.memory.end(), part->begin(), part->end());
    }
    large.memory.push_back(static_cast<float>(both[1].sum_of_squares));
    results.push_back(large.memory);
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST(fused_pass_device, pieces_cover_every_row_once) {
  std::vector<PassMatrix<float, float>> matrices(3);
  const std::size_t shapes[][3] = {{1, 1, 0}, {50257, 768, 4}, {4096, 4096, 32}};
  float right = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    matrices[i].rows = shapes[i][0];
    matrices[i].columns = shapes[i][1];
    matrices[i].rank = shapes[i][2];
    matrices[i].right_factor = i == 0 ? nullptr : &right;
  }
  const auto plan = device::plan_pass(std::span<const PassMatrix<float, float>>(matrices));
  EXPECT_GE(plan.pieces.size(), 500u);
  std::size_t scratch = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    std::size_t row = 0;
    for (std::size_t p = plan.first_piece[i]; p < plan.first_piece[i + 1]; ++p) {
      const auto& piece = plan.pieces[p];
      EXPECT_EQ(piece.matrix, i);
      EXPECT_EQ(piece.first, row);
      EXPECT_GT(piece.last, piece.first);
      row = piece.last;
      if (piece.partial == device::PassPiece::kInPlace) continue;
      EXPECT_EQ(piece.partial, scratch);
      scratch += matrices[i].rank * matrices[i].columns;
    }
    EXPECT_EQ(row, matrices[i].rows);
  }
  EXPECT_EQ(plan.scratch, scratch);
  EXPECT_EQ(plan.pieces[0].partial, device::PassPiece::kInPlace);
}

}  // namespace
}  // namespace laser
