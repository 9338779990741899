// What processes do together, played by threads (contract/laws.hpp); the laws over whole
// rounds are in contract/.
#include "laser/collective/collective.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "../contract/laws.hpp"

namespace laser {
namespace {

using contract::ThreadCollective;

/// Calls `work(collective, rank)` in three processes.
template <class Work>
void in_three(Work work) {
  ThreadCollective::Board board(3);
  std::vector<std::thread> threads;
  for (std::int64_t rank = 0; rank < 3; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadCollective collective(board, rank);
      work(collective, rank);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Collective, OneDecisionIsTheLargestOfAll) {
  in_three([](Collective& collective, std::int64_t rank) {
    EXPECT_EQ(largest(collective, rank == 1 ? 7.0 : -1.0), 7.0);
    EXPECT_EQ(collective.leads(), rank == 0);
  });
}

TEST(Collective, TheLeadersNumbersAreEverywhere) {
  in_three([](Collective& collective, std::int64_t rank) {
    const auto base = static_cast<double>(10 * rank);
    EXPECT_EQ(from_leader(collective, {base + 1, base + 2}), (std::vector<double>{1, 2}));
  });
}

TEST(Collective, GatheredRowsAreThoseOfAllAndGiveEachItsOwn) {
  in_three([](Collective& collective, std::int64_t rank) {
    const auto own = at::full({1, 2, 2}, static_cast<double>(rank), at::kDouble);
    const auto all = gather(collective, own);
    for (std::int64_t r = 0; r < 3; ++r) EXPECT_EQ(all[r].sum().item<double>(), 4.0 * static_cast<double>(r));
    EXPECT_TRUE(at::equal(local_rows(collective, all), own));
  });
}

TEST(Collective, AloneEverythingIsTheIdentity) {
  Solo solo(3);
  const auto rows = at::arange(6, at::kDouble).view({3, 2});
  EXPECT_TRUE(gather(solo, rows).is_same(rows));
  EXPECT_TRUE(at::equal(local_rows(solo, rows), rows));
  EXPECT_EQ(largest(solo, 2.5), 2.5);
  EXPECT_EQ(from_leader(solo, {4, 5}), (std::vector<double>{4, 5}));
}

/// Counts the numbers that are handed over to be summed.
class Counted final : public Collective {
 public:
  explicit Counted(Collective& inner) : inner_(inner) {}
  [[nodiscard]] std::int64_t workers() const override { return inner_.workers(); }
  [[nodiscard]] std::int64_t first_worker() const override { return inner_.first_worker(); }
  [[nodiscard]] std::int64_t local_workers() const override { return inner_.local_workers(); }
  void sum(std::span<at::Tensor> values) override {
    for (const auto& value : values) numbers += value.numel();
    inner_.sum(values);
  }
  std::vector<double> gather_rows(std::vector<double> local, std::int64_t columns) override {
    return inner_.gather_rows(std::move(local), columns);
  }
  std::int64_t numbers = 0;

 private:
  Collective& inner_;
};

// Each process hands over as many numbers as there are symbols, however many workers there are; for the bits
// of one process it is k times as many.
TEST(Collective, ProcessesActAsOneInBothExchanges) {
  Layout layout;
  layout.add("large", {1200, 1200});
  layout.add("small", {5, 4});
  const auto algorithm = contract::algorithm_of({.name = "identity"});
  const auto gradients = contract::random_gradients(3, layout.size, 0, at::kFloat);
  Solo solo(3);
  auto expected = at::zeros({layout.size});
  const auto report = Aggregator(layout, algorithm, 1, solo).round(0, 10.0, gradients, expected);
  for (const bool exact : {false, true}) {
    auto exchanged = algorithm;
    exchanged.exchange = exact ? "exact" : "fast";
    std::array<at::Tensor, 3> estimates;
    std::array<RoundReport, 3> reports;
    in_three([&](Collective& collective, std::int64_t rank) {
      const auto at = static_cast<std::size_t>(rank);
      Counted counted(collective);
      estimates[at] = at::zeros({layout.size});
      reports[at] = Aggregator(layout, exchanged, 1, counted)
                        .round(0, 10.0, gradients.narrow(0, rank, 1), estimates[at]);
      EXPECT_EQ(counted.numbers, reports[at].symbols * (exact ? 3 : 1));
    });
    for (std::size_t rank = 0; rank < 3; ++rank) {
      EXPECT_LT(contract::relative_difference(estimates[rank], expected), 1e-6);
      EXPECT_TRUE(at::equal(estimates[rank], estimates[0]));
      if (exact) {
        EXPECT_TRUE(at::equal(estimates[rank], expected));
      }
      for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(reports[rank].energy[i], report.energy[i], 1e-9);
    }
  }
}

}  // namespace
}  // namespace laser
