// Items arrive in order and whole whatever the timing; errors and ends are clean.
#include "laser/data/prefetcher.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "laser/data/training_batches.hpp"
#include "synthetic_images.hpp"

namespace laser {
namespace {

using std::chrono::milliseconds;

void sleep_for(int time) { std::this_thread::sleep_for(milliseconds(time)); }

TEST(Prefetcher, ItemsComeInOrderAndStayWhole) {
  for (const auto& [maker, taker] : {std::pair{0, 0}, {1, 0}, {0, 1}}) {
    Prefetcher<std::vector<std::int64_t>> prefetcher(5, 105, [maker = maker](std::int64_t i, auto& item) {
      if (i % 10 == 0) sleep_for(maker);
      item.assign(1000, i);
    });
    for (std::int64_t i = 5; i < 105; ++i) {
      const auto& item = prefetcher.next();
      if (i % 10 == 0) sleep_for(taker);  // the next one is made meanwhile, into the other slot
      ASSERT_EQ(item, std::vector<std::int64_t>(1000, i));
    }
    EXPECT_THROW(prefetcher.next(), std::logic_error);
  }
}

TEST(Prefetcher, WorksOnAnotherThreadWhileTheCallerDoes) {
  const auto caller = std::this_thread::get_id();
  std::atomic<std::int64_t> made{0};
  Prefetcher<std::thread::id> prefetcher(0, 10, [&](std::int64_t i, auto& item) {
    item = std::this_thread::get_id();
    made = i + 1;
  });
  EXPECT_NE(prefetcher.next(), caller);
  while (made < 2) std::this_thread::yield();  // item 1 is made without being asked for
  sleep_for(20);
  EXPECT_EQ(made, 2);  // but not item 2, whose slot the caller still holds
  prefetcher.next();
  while (made < 3) std::this_thread::yield();
}

TEST(Prefetcher, ErrorsComeWithTheItemTheyBelongTo) {
  Prefetcher<int> prefetcher(0, 10, [](std::int64_t i, int& item) {
    if (i == 3) throw std::runtime_error("item 3");
    item = static_cast<int>(i);
  });
  sleep_for(5);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(prefetcher.next(), i);
  for (int again = 0; again < 2; ++again) {
    try {
      prefetcher.next();
      FAIL() << "item 3 was made";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "item 3");
    }
  }
}

TEST(Prefetcher, EndsAtAnyMoment) {
  for (int taken = 0; taken < 20; ++taken) {
    const auto alive = std::make_shared<int>(0);
    {
      Prefetcher<std::shared_ptr<int>> prefetcher(0, 20, [&](std::int64_t, auto& item) { item = alive; });
      for (int i = 0; i < taken; ++i) prefetcher.next();
    }
    EXPECT_EQ(alive.use_count(), 1);  // the thread and all slots are gone
  }
  const Prefetcher<int> empty(0, 0, [](std::int64_t, int&) { FAIL() << "nothing was asked for"; });
}

TEST(Prefetcher, BatchesAreThoseMadeDirectly) {
  const SyntheticImages images(40);
  const Sharding sharding(40, 2, 6, 3);
  TrainingBatches direct(*images, sharding, {0, 2}, 3, PixelLayout::kChannelsFirst, true);
  TrainingBatches ahead(*images, sharding, {0, 2}, 3, PixelLayout::kChannelsFirst, true);
  Prefetcher<ImageBatch> prefetcher(5, 20,
                                    [&](std::int64_t round, ImageBatch& batch) { ahead.fill(round, batch); });
  ImageBatch expected;
  for (std::int64_t round = 5; round < 20; ++round) {
    direct.fill(round, expected);
    const auto& batch = prefetcher.next();
    EXPECT_EQ(batch.pixels, expected.pixels);
    EXPECT_EQ(batch.numbers, expected.numbers);
  }
}

}  // namespace
}  // namespace laser
