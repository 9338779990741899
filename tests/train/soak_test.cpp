// A long run of the small model: 100,000 rounds over the air take no more memory, handles or time at their
// end than at their start, and nor do 1,000 checkpoints.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <vector>

#include "../record/temporary_folder.hpp"
#include "laser/train/checkpoint.hpp"
#include "laser/train/trainer.hpp"
#include "laser/train/training.hpp"

namespace laser {
namespace {

/// Memory of this process in main memory, bytes.
std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

std::int64_t open_files() {
  std::int64_t count = 0;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd");
       entry != std::filesystem::directory_iterator(); ++entry)
    ++count;
  return count;
}

struct Sample {
  std::int64_t bytes = 0;
  std::int64_t files = 0;
  double seconds = 0;  // of the processor, for the block of rounds before
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

TEST(Soak, AHundredThousandRounds) {
  constexpr std::int64_t kRounds = 100'000, kBlock = 2'500;
  use_threads(1);
  const auto experiment = resolve({{"workers", "2"}, {"batch_size", "4"}, {"rank", "2"}, {"epochs", "14"}});
  const auto task = make_task(load_task_data({}), task_options(experiment));
  Training training(experiment, *task);
  ASSERT_GE(training.rounds(), kRounds);
  std::vector<Sample> samples;
  while (training.rounds_done() < kRounds) {
    Sample sample;
    for (std::int64_t i = 0; i < kBlock; ++i) {
      const auto start = std::clock();
      const auto evaluated = training.advance();
      if (!evaluated) sample.seconds += static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    }
    sample.bytes = resident_bytes();
    sample.files = open_files();
    samples.push_back(sample);
  }
  const std::size_t warm = samples.size() / 5;  // the first evaluations are over
  const auto growth = samples.back().bytes - samples[warm].bytes;
  std::vector<double> early, late;
  for (std::size_t i = warm; i < samples.size(); ++i) {
    (i < (warm + samples.size()) / 2 ? early : late).push_back(samples[i].seconds);
  }
  const double change = median(late) / median(early) - 1;
  std::printf(
      "100,000 rounds: memory %+.3f MB after warm-up, %lld files open, time a round %+.1f %%, median %.1f "
      "us\n",
      static_cast<double>(growth) / 1e6, static_cast<long long>(samples.back().files), 100 * change,
      1e6 * median(late) / static_cast<double>(kBlock));
  RecordProperty("growth_bytes", static_cast<int>(growth));
  EXPECT_LT(growth, 1'000'000);
  EXPECT_EQ(samples.back().files, samples[warm].files);
  EXPECT_LT(change, 0.05);
}

TEST(Soak, AThousandCheckpointsSavedAndRestored) {
  const TemporaryFolder folder;
  const auto path = folder / "checkpoint.safetensors";
  const auto experiment = resolve({{"workers", "2"}, {"batch_size", "4"}, {"rank", "2"}});
  const auto task = make_task(load_task_data({}), task_options(experiment));
  Training training(experiment, *task);
  Sample warm;
  for (int i = 0; i < 1'000; ++i) {
    (void)training.advance();
    write_checkpoint(path, {training.state(), {}});
    training.load_state(read_checkpoint(path).tensors);
    if (i == 100) warm = {resident_bytes(), open_files()};
  }
  const auto growth = resident_bytes() - warm.bytes;
  std::printf("1,000 checkpoints: memory %+.3f MB after the first hundred\n",
              static_cast<double>(growth) / 1e6);
  EXPECT_LT(growth, 1'000'000);
  EXPECT_EQ(open_files(), warm.files);
}

}  // namespace
}  // namespace laser
