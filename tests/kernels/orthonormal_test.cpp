#include "laser/kernels/orthonormal.hpp"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "every_target.hpp"

namespace laser {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr StreamKey kReplacement = {.seed = 3, .purpose = Purpose::kReplacement};

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t columns, std::uint32_t round) {
  Matrix<T> a(rows, columns);
  const std::span<T> values(a.data(), static_cast<std::size_t>(a.size()));
  fill_normal(values, {.seed = 1, .purpose = Purpose::kTest, .round = round});
  return a;
}

template <class T>
std::int64_t orth(Matrix<T>& a) {
  return orthonormalise(a.data(), a.rows(), a.cols(), kReplacement);
}

/// Thin Q of Householder's QR in double, its columns' signs chosen so that R_jj > 0.
template <class T>
Matrix<double> householder(const Matrix<T>& a) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(a.template cast<double>());
  Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(a.rows(), a.cols());
  for (Eigen::Index j = 0; j < a.cols(); ++j) {
    if (qr.matrixQR()(j, j) < 0) q.col(j) *= -1;
  }
  return q;
}

template <class T>
double orthogonality_error(const Matrix<T>& q) {
  const Matrix<double> wide = q.template cast<double>();
  return (wide.transpose() * wide - Matrix<double>::Identity(q.cols(), q.cols())).cwiseAbs().maxCoeff();
}

template <class T>
class Orthonormalise : public testing::Test {
 protected:
  static constexpr double kRounding = std::numeric_limits<T>::epsilon();
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(Orthonormalise, Reals);

TYPED_TEST(Orthonormalise, EqualsHouseholderQrOnRandomShapes) {
  std::mt19937 random(4);
  for (std::uint32_t round = 0; round < 60; ++round) {
    const std::int64_t columns = 1 + static_cast<std::int64_t>(random() % 12);
    const std::int64_t rows = columns + static_cast<std::int64_t>(random() % 200);
    const Matrix<TypeParam> a = random_matrix<TypeParam>(rows, columns, round);
    Matrix<TypeParam> q = a;
    EXPECT_EQ(orth(q), 0);
    EXPECT_LT(orthogonality_error(q), 10 * this->kRounding) << rows << " x " << columns;
    // A square Gaussian matrix of this size may have a condition number of some thousands.
    EXPECT_LT((q.template cast<double>() - householder(a)).cwiseAbs().maxCoeff(),
              1e-10 + 4 * this->kRounding);
  }
}

TYPED_TEST(Orthonormalise, EqualsTheReference) {
  for (const auto& [rows, columns] : {std::pair{784, 2}, {10, 2}, {2304, 4}, {64, 64}, {300, 5}}) {
    Matrix<TypeParam> q = random_matrix<TypeParam>(rows, columns, 100);
    Matrix<TypeParam> expected = q;
    EXPECT_EQ(orth(q), 0);
    reference::orthonormalise(expected.data(), rows, columns);
    EXPECT_LT((q - expected).cwiseAbs().maxCoeff(), 1e-11 + 2 * this->kRounding) << rows << " x " << columns;
  }
}

TYPED_TEST(Orthonormalise, SameBitsOnEveryTarget) {
  for (const auto& [rows, columns] : {std::pair{784, 2}, {1025, 4}, {77, 3}, {64, 64}}) {
    const Matrix<TypeParam> a = random_matrix<TypeParam>(rows, columns, 200);
    Matrix<TypeParam> expected = a;
    orth(expected);
    for_every_target([&] {
      Matrix<TypeParam> q = a;
      orth(q);
      EXPECT_EQ(q, expected);
    });
  }
}

TYPED_TEST(Orthonormalise, KeepsAnOrthonormalMatrixAndTheSigns) {
  Matrix<TypeParam> a = Matrix<TypeParam>::Zero(5, 2);
  a(3, 0) = -1;
  a(1, 1) = TypeParam{0.5};
  orth(a);
  Matrix<TypeParam> expected = Matrix<TypeParam>::Zero(5, 2);
  expected(3, 0) = -1;
  expected(1, 1) = 1;
  EXPECT_EQ(a, expected);
}

TYPED_TEST(Orthonormalise, ScaleOfColumnsDoesNotMatter) {
  const Matrix<TypeParam> a = random_matrix<TypeParam>(100, 4, 300);
  Matrix<TypeParam> expected = a, scaled = a;
  orth(expected);
  const int exponents[4] = {-118, 99, 0,
                            124};  // 3e-36 .. 2e37: powers of two, so that the result is the same
  for (int j = 0; j < 4; ++j) scaled.col(j) *= static_cast<TypeParam>(std::ldexp(1.0, exponents[j]));
  EXPECT_EQ(orth(scaled), 0);
  EXPECT_EQ(scaled, expected);
  Matrix<TypeParam> tiny = a * std::numeric_limits<TypeParam>::min();
  EXPECT_EQ(orth(tiny), 0);
  EXPECT_LT(orthogonality_error(tiny), 10 * this->kRounding);
}

TYPED_TEST(Orthonormalise, NearlyDependentColumnsStayOrthogonal) {
  // Columns that differ by 1e-3 to 1e-9 of their size (below float's resolution some of them are replaced).
  Matrix<TypeParam> a = random_matrix<TypeParam>(500, 4, 400);
  const Matrix<TypeParam> noise = random_matrix<TypeParam>(500, 4, 401);
  for (int j = 1; j < 4; ++j) {
    a.col(j) = a.col(0) + noise.col(j) * static_cast<TypeParam>(std::pow(1e-3, j));
  }
  orth(a);
  EXPECT_LT(orthogonality_error(a), 10 * this->kRounding);
}

TYPED_TEST(Orthonormalise, ReplacesDependentAndZeroColumns) {
  Matrix<TypeParam> a = random_matrix<TypeParam>(50, 5, 500);
  const Matrix<TypeParam> before = a;
  a.col(1) = a.col(0) * TypeParam{-2};
  a.col(3).setZero();
  Matrix<TypeParam> again = a;
  EXPECT_EQ(orth(a), 2);
  EXPECT_LT(orthogonality_error(a), 10 * this->kRounding);
  EXPECT_LT((a.col(0) - before.col(0).normalized()).norm(), 10 * this->kRounding);
  EXPECT_EQ(orth(again), 2);
  EXPECT_EQ(a, again);  // the replacements are fixed
  Matrix<TypeParam> other = before;
  other.col(1) = before.col(0);
  orthonormalise(other.data(), 50, 5, {.seed = 4, .purpose = Purpose::kReplacement});
  EXPECT_GT((other.col(1) - a.col(1)).norm(), 0.1);  // and belong to their stream
}

TYPED_TEST(Orthonormalise, ZeroMatrices) {
  for (const auto& [rows, columns] : {std::pair{1, 1}, {2, 2}, {64, 64}, {1000, 3}}) {
    Matrix<TypeParam> a = Matrix<TypeParam>::Zero(rows, columns);
    EXPECT_EQ(orth(a), columns);
    EXPECT_LT(orthogonality_error(a), 20 * this->kRounding);
  }
}

TYPED_TEST(Orthonormalise, OneByOne) {
  for (const double value : {3.0, -1e-30, 1e30}) {
    auto a = static_cast<TypeParam>(value);
    EXPECT_EQ(orthonormalise(&a, 1, 1, kReplacement), 0);
    EXPECT_NEAR(a, value > 0 ? 1 : -1, this->kRounding);
  }
}

TYPED_TEST(Orthonormalise, NonFiniteInputLeavesNonFiniteColumns) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Matrix<TypeParam> a = random_matrix<TypeParam>(40, 3, 600);
    a(17, 1) = static_cast<TypeParam>(bad);
    orth(a);
    EXPECT_TRUE(a.col(0).allFinite());
    EXPECT_TRUE(a.col(1).array().isNaN().all());
    EXPECT_TRUE(a.col(2).array().isNaN().all());
  }
}

TEST(OrthonormaliseShapes, RefusesMoreColumnsThanRows) {
  std::vector<float> a(6);
  EXPECT_THROW(orthonormalise(a.data(), 2, 3, kReplacement), std::logic_error);
  std::vector<float> wide(100 * 65);
  EXPECT_THROW(orthonormalise(wide.data(), 100, 65, kReplacement), std::logic_error);
}

}  // namespace
}  // namespace laser
