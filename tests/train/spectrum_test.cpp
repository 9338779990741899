// Energy shares against the singular values themselves, and in the records of a run.
#include "laser/train/spectrum.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "laser/train/trainer.hpp"

namespace laser {
namespace {

at::Tensor random_matrix(std::int64_t rows, std::int64_t columns, std::int64_t seed) {
  at::manual_seed(static_cast<std::uint64_t>(seed));
  return at::randn({rows, columns}, at::kFloat);
}

TEST(EnergyShare, IsThatOfTheSingularValues) {
  for (const auto& [rows, columns] : {std::pair{3, 40}, {40, 3}, {17, 17}, {1, 9}, {9, 1}, {64, 576}}) {
    const auto matrix = random_matrix(rows, columns, rows);
    const auto squares = at::linalg_svdvals(matrix.to(at::kDouble)).square();
    for (std::int64_t rank = 1; rank <= 8; ++rank) {
      const auto share = (squares.slice(0, 0, rank).sum() / squares.sum()).item<double>();
      EXPECT_NEAR(energy_share(matrix, rank), share, 1e-12) << rows << " x " << columns << ", " << rank;
    }
  }
}

TEST(EnergyShare, KnowsItsEnds) {
  const auto column = random_matrix(20, 1, 1), row = random_matrix(1, 30, 2);
  EXPECT_NEAR(energy_share(column.mm(row), 1), 1, 1e-12);  // one direction
  EXPECT_NEAR(energy_share(at::eye(10), 3), 0.3, 1e-12);   // all alike
  EXPECT_EQ(energy_share(at::zeros({4, 5}), 2), 0);
  EXPECT_EQ(energy_share(random_matrix(4, 5, 3), 4), 1);
}

TEST(EnergyShare, DoesNotDependOnTheScale) {
  const auto matrix = random_matrix(12, 30, 4);
  const auto share = energy_share(matrix, 2);
  for (const double scale : {1e-30, 1e-18, 1e18, 1e30})
    EXPECT_NEAR(energy_share(matrix * scale, 2), share, 1e-6);
}

TEST(EnergyShare, OfEveryMatrixThatTheRankDoesNotExhaust) {
  Layout layout;
  layout.add("narrow", {3, 50});
  layout.add("convolution", {8, 4, 3, 3});
  layout.add("bias", {40});
  const auto gradient = random_matrix(1, layout.size, 5).view({-1});
  const auto shares = energy_shares(layout, gradient, 3);
  ASSERT_EQ(shares.size(), 1u);
  const auto& layer = layout.layers[1];
  const auto matrix = gradient.slice(0, layer.offset, layer.offset + layer.size).view({8, 36});
  EXPECT_EQ(shares.at("convolution"), energy_share(matrix, 3));
}

TEST(Spectrum, IsRecordedWhereAskedFor) {
  use_threads(1);
  std::map<std::string, std::vector<EpochRecord>> records;
  for (const std::string rank : {"0", "2"}) {
    const auto experiment = resolve({{"epochs", "2"}, {"method", "sgd"}, {"spectrum_rank", rank}});
    const auto task = make_task(load_task_data({}), task_options(experiment));
    RunControl control;
    control.record = [&](const EpochRecord& record) { records[rank].push_back(record); };
    (void)train(experiment, *task, control);
  }
  ASSERT_EQ(records["2"].size(), 2u);
  for (const auto& record : records["2"]) {
    ASSERT_EQ(record.spectrum.size(), 1u);  // the weights; the bias is a vector
    const auto share = record.spectrum.begin()->second;
    EXPECT_GT(share, 0.2);  // of ten values, even ones would have it
    EXPECT_LT(share, 1);
  }
  EXPECT_TRUE(records["0"][0].spectrum.empty());
  EXPECT_EQ(records["0"][1].test_loss, records["2"][1].test_loss);  // looking changes nothing
}

}  // namespace
}  // namespace laser
