#include "laser/kernels/fused_pass.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "every_target.hpp"
#include "laser/core/aligned.hpp"
#include "pass_case.hpp"

namespace laser {
namespace {

template <class M, class G>
void expect_agreement(std::size_t rows, std::size_t columns, std::size_t pending, std::size_t rank,
                      Wanted wanted, double scale, double tolerance) {
  Case<M, G> fast(rows, columns, pending, rank, wanted, scale);
  Case<M, G> slow(rows, columns, pending, rank, wanted, scale);
  fused_pass(std::span(&fast.matrix, 1));
  reference::fused_pass(slow.matrix);
  const auto where = ::testing::Message()
                     << rows << " x " << columns << ", pending " << pending << ", rank " << rank
                     << ", wanted " << static_cast<int>(wanted) << ", scale " << scale;
  EXPECT_LT(difference(fast.memory, slow.memory), tolerance) << where;
  EXPECT_LT(difference(fast.left, slow.left), tolerance) << where;
  EXPECT_LT(difference(fast.right, slow.right), tolerance) << where;
  EXPECT_NEAR(fast.matrix.sum_of_squares / slow.matrix.sum_of_squares, 1, tolerance) << where;
}

TEST(fused_pass, agrees_with_the_reference_in_every_shape) {
  for (const auto& [rows, columns] : kShapes) {
    for (const auto wanted : kAll) {
      expect_agreement<float, float>(rows, columns, 4, 4, wanted, 1, 2e-5);
      expect_agreement<double, double>(rows, columns, 4, 4, wanted, 1, 1e-12);
    }
  }
}

/// Without norms, at common ranks, everything is done in one walk; with them in loops one after the other.
template <class M, class G>
void expect_same_bits(std::size_t rows, std::size_t columns, std::size_t rank, Wanted wanted) {
  Case<M, G> once(rows, columns, rank, rank, wanted, 1), loops(rows, columns, rank, rank, wanted, 1);
  once.matrix.squares = false;
  fused_pass(std::span(&once.matrix, 1));
  fused_pass(std::span(&loops.matrix, 1));
  const auto where = ::testing::Message() << rows << " x " << columns << ", rank " << rank;
  EXPECT_EQ(once.memory, loops.memory) << where;
  EXPECT_EQ(once.left, loops.left) << where;
  EXPECT_EQ(once.right, loops.right) << where;
}

TEST(fused_pass, in_one_walk_gives_the_bits_of_loops_one_after_the_other) {
  for_every_target([] {
    constexpr std::size_t kSome[][2] = {{1, 37}, {37, 1}, {5, 255}, {7, 257}, {21, 600}};
    for (const auto& [rows, columns] : kSome) {
      for (const std::size_t rank : {1, 2, 4}) {
        for (const auto wanted : {Wanted::kLeft, Wanted::kRight}) {
          expect_same_bits<float, float>(rows, columns, rank, wanted);
          expect_same_bits<double, double>(rows, columns, rank, wanted);
          expect_same_bits<float, Bfloat16>(rows, columns, rank, wanted);
        }
      }
    }
  });
}

TEST(fused_pass, agrees_with_the_reference_at_every_rank) {
  for (std::size_t rank = 1; rank <= 33; ++rank) {
    for (const auto wanted : {Wanted::kBoth, Wanted::kComposed}) {
      expect_agreement<float, float>(70, 300, 34 - rank, rank, wanted, 1, 2e-5);
    }
  }
  expect_agreement<float, float>(9, 40, 0, 3, Wanted::kBoth, 1, 2e-5);
  expect_agreement<float, float>(9, 40, 3, 0, Wanted::kNothing, 1, 2e-5);
}

TEST(fused_pass, keeps_its_accuracy_at_extreme_scales) {
  for (const double scale : {1e-30, 1e-18, 1e18, 1e30}) {
    expect_agreement<float, float>(33, 300, 2, 2, Wanted::kBoth, scale, 2e-5);
    expect_agreement<double, double>(33, 300, 2, 2, Wanted::kBoth, scale, 1e-12);
  }
}

TEST(fused_pass, takes_short_gradients_and_memories) {
  for (const auto& [rows, columns] : kShapes) {
    expect_agreement<float, Bfloat16>(rows, columns, 4, 4, Wanted::kComposed, 1, 2e-5);
    // Rounded by the same random bits; where float and double sums differ in the last bit, one number in
    // about 2^8 / 2^-15 may round the other way.
    expect_agreement<Bfloat16, float>(rows, columns, 4, 2, Wanted::kBoth, 1, 1e-3);
    expect_agreement<Bfloat16, Bfloat16>(rows, columns, 0, 2, Wanted::kComposed, 1, 1e-3);
  }
}

TEST(fused_pass, rounding_to_bfloat16_is_unbiased) {
  // 200,000 numbers 1 + 1/512, a quarter of the way from 1 to 1 + 1/128: the mean is
  // within 5 standard errors.
  constexpr std::size_t kCount = 200'000;
  std::vector<Bfloat16> memory(kCount);
  const std::vector<float> gradient(kCount, 1.0f + 1.0f / 512);
  PassMatrix<Bfloat16, float> matrix;
  matrix.rows = 100;
  matrix.columns = kCount / 100;
  matrix.memory = memory.data();
  matrix.gradient = gradient.data();
  matrix.rounding = {1, Purpose::kRounding, 0, 0, 0};
  fused_pass(std::span(&matrix, 1));
  double up = 0;
  for (const auto x : memory) {
    ASSERT_TRUE(to_float(x) == 1.0f || to_float(x) == 1.0f + 1.0f / 128);
    up += to_float(x) > 1.0f ? 1 : 0;
  }
  EXPECT_NEAR(up / kCount, 0.25, 5 * std::sqrt(0.25 * 0.75 / kCount));
}

TEST(fused_pass, short_memory_keeps_infinity_and_nan) {
  std::vector<Bfloat16> memory(3);
  const std::vector<float> gradient{INFINITY, -INFINITY, std::bit_cast<float>(0x7f800001u)};
  PassMatrix<Bfloat16, float> matrix;
  matrix.rows = 1;
  matrix.columns = 3;
  matrix.memory = memory.data();
  matrix.gradient = gradient.data();
  fused_pass(std::span(&matrix, 1));
  EXPECT_EQ(to_float(memory[0]), INFINITY);
  EXPECT_EQ(to_float(memory[1]), -INFINITY);
  EXPECT_TRUE(std::isnan(to_float(memory[2])));
}

TEST(fused_pass, reads_a_gradient_without_memory) {
  Case<float, float> fast(130, 700, 0, 4, Wanted::kBoth, 1), slow(130, 700, 0, 4, Wanted::kBoth, 1);
  fast.matrix.memory = slow.matrix.memory = nullptr;
  fused_pass(std::span(&fast.matrix, 1));
  reference::fused_pass(slow.matrix);
  EXPECT_LT(difference(fast.left, slow.left), 2e-5);
  EXPECT_LT(difference(fast.right, slow.right), 2e-5);
}

TEST(fused_pass, settling_first_gives_the_same_bits) {
  Case<float, float> once(130, 700, 5, 2, Wanted::kBoth, 1), twice(130, 700, 5, 2, Wanted::kBoth, 1);
  fused_pass(std::span(&once.matrix, 1));
  auto settle = twice.matrix;
  settle.gradient = nullptr;
  settle.rank = 0;
  settle.left_factor = settle.right_factor = nullptr;
  settle.left_basis = settle.right_basis = nullptr;
  fused_pass(std::span(&settle, 1));
  twice.matrix.pending = {};
  fused_pass(std::span(&twice.matrix, 1));
  EXPECT_EQ(once.memory, twice.memory);
  EXPECT_EQ(once.right, twice.right);
}

TEST(fused_pass, bits_do_not_depend_on_threads_or_company) {
  const int before = omp_get_max_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    omp_set_num_threads(threads);
    Case<float, float> large(2500, 900, 4, 4, Wanted::kComposed, 1), small(3, 5, 1, 1, Wanted::kComposed, 1);
    PassMatrix<float, float> both[] = {small.matrix, large.matrix};
    fused_pass(std::span<PassMatrix<float, float>>(both));
    large.memory.insert(large.memory.end(), large.right.begin(), large.right.end());
    large.memory.insert(large.memory.end(), large.left.begin(), large.left.end());
    large.memory.push_back(static_cast<float>(both[1].sum_of_squares));
    results.push_back(large.memory);
  }
  omp_set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(fused_pass, a_number_that_is_not_finite_shows_in_the_products) {
  Case<float, float> bad(20, 300, 2, 2, Wanted::kBoth, 1);
  bad.gradient[20 * 300 - 1] = INFINITY;
  fused_pass(std::span(&bad.matrix, 1));
  EXPECT_FALSE(std::isfinite(bad.matrix.sum_of_squares));
  EXPECT_FALSE(std::isfinite(bad.left[19]));
  EXPECT_FALSE(std::isfinite(bad.right[299]));
}

template <class T>
void expect_product(std::size_t rows, std::size_t columns, std::size_t rank, double tolerance) {
  const auto left = draws<T>(rank * rows, 1, 1), right = draws<T>(rank * columns, 2, 1);
  std::vector<T> out(rows * columns, T{-7}), expected(rows * columns);
  const ProductMatrix<T> matrix{rows, columns, {rank, left.data(), right.data()}, out.data()};
  write_products(std::span(&matrix, 1));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < rank; ++j) {
      sum += static_cast<double>(left[j * rows + i / columns]) *
             static_cast<double>(right[j * columns + i % columns]);
    }
    expected[i] = static_cast<T>(sum);
  }
  EXPECT_LT(difference(out, expected), tolerance) << rows << " x " << columns << " rank " << rank;
}

TEST(write_products, is_the_product_of_the_factors) {
  for (const auto& [rows, columns] : kShapes) {
    for (const std::size_t rank : {1, 2, 3, 4, 7}) {
      expect_product<float>(rows, columns, rank, 1e-6);
      expect_product<double>(rows, columns, rank, 1e-14);
    }
  }
}

TEST(write_products, goes_past_the_cache_with_the_same_numbers) {
  constexpr std::size_t kRows = 4101, kColumns = 4112, kRank = 3;  // 67 MB
  const auto left = draws<float>(kRank * kRows, 1, 1), right = draws<float>(kRank * kColumns, 2, 1);
  AlignedVector<float> out(kRows * kColumns, -7.0f), one_by_one(kColumns);
  const ProductMatrix<float> matrix{kRows, kColumns, {kRank, left.data(), right.data()}, out.data()};
  write_products(std::span(&matrix, 1));
  for (std::size_t row = 0; row < kRows; row += 25) {
    std::vector<float> mine;
    for (std::size_t j = 0; j < kRank; ++j) mine.push_back(left[j * kRows + row]);
    const ProductMatrix<float> small{1, kColumns, {kRank, mine.data(), right.data()}, one_by_one.data()};
    write_products(std::span(&small, 1));
    ASSERT_TRUE(std::equal(one_by_one.begin(), one_by_one.end(), out.data() + row * kColumns)) << row;
  }
}

}  // namespace
}  // namespace laser
