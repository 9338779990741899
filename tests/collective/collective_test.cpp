// What processes do together, played by threads (contract/laws.hpp); the laws over whole rounds are in
// contract/.
#include "laser/collective/collective.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace laser
