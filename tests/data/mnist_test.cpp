// Reading MNIST: the embedded files, and everything that can be wrong with them.
#include "laser/data/mnist.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "laser/core/error.hpp"
#include "laser/data/sharding.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

const fs::path kEmbedded = fs::path(LASER_SOURCE_DIR) / "data" / "mnist";

/// A copy of the embedded files that goes away again.
class MnistFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "laser-mnist-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    for (const auto& file : fs::directory_iterator(kEmbedded)) fs::copy(file.path(), folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void expect_error(const std::string& part, bool verify = true) {
    try {
      load_mnist(folder_.string(), verify);
      FAIL() << "damaged data were read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kData);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }

  fs::path folder_;
};

TEST(Mnist, HoldsTheKnownImages) {
  const auto mnist = load_mnist(kEmbedded.string());
  ASSERT_EQ(mnist.train.size(), 60000);
  ASSERT_EQ(mnist.test.size(), 10000);
  EXPECT_EQ(std::vector<int>(mnist.train.labels.begin(), mnist.train.labels.begin() + 6),
            (std::vector<int>{5, 0, 4, 1, 9, 2}));
  double sum = 0, squares = 0;
  for (const auto value : mnist.train.values) {
    sum += value / 255.0;
    squares += value / 255.0 * value / 255.0;
  }
  const double count = 60000.0 * 784.0;
  EXPECT_NEAR(sum / count, Mnist::kMean, 5e-5);
  EXPECT_NEAR(std::sqrt(squares / count - sum / count * sum / count), Mnist::kStd, 5e-5);
}

TEST_F(MnistFiles, AMissingFileIsNamed) {
  fs::remove(folder_ / "t10k-labels-idx1-ubyte.gz");
  expect_error("t10k-labels-idx1-ubyte.gz is missing");
}

TEST_F(MnistFiles, ATruncatedFileIsRefused) {
  fs::resize_file(folder_ / "train-images-idx3-ubyte.gz", 5000000);
  expect_error("ends too early");
  expect_error("ends too early", false);
}

TEST_F(MnistFiles, EverySingleBitMatters) {
  const auto path = folder_ / "t10k-images-idx3-ubyte.gz";
  for (const auto position : {100, 50000, 1600000}) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(position);
    const int byte = file.get();
    file.seekp(position);
    file.put(static_cast<char>(byte ^ 0x10));
    file.close();
    expect_error("t10k-images-idx3-ubyte.gz is not right: ");
    EXPECT_THROW(load_mnist(folder_.string(), false), Error);  // gzip's own checksum
  }
}

TEST_F(MnistFiles, AnotherKindOfFileIsRefused) {
  fs::copy(folder_ / "t10k-labels-idx1-ubyte.gz", folder_ / "train-labels-idx1-ubyte.gz",
           fs::copy_options::overwrite_existing);
  expect_error("has 60000 images, ", false);
}

TEST(Sharding, CoversEveryShardOnceAnEpoch) {
  const Sharding sharding(1003, 10, 32, 7);
  EXPECT_EQ(sharding.shard_size(), 100);
  EXPECT_EQ(sharding.rounds_per_epoch(), 4);
  std::set<std::int32_t> seen;
  for (std::int64_t worker = 0; worker < 10; ++worker) {
    const auto order = sharding.epoch_order(3, worker);
    std::size_t total = 0;
    for (std::int64_t step = 0; step < 4; ++step) {
      const auto batch = sharding.batch(order, step);
      total += batch.size();
      seen.insert(batch.begin(), batch.end());
    }
    EXPECT_EQ(total, 100u);
    EXPECT_NE(order, sharding.epoch_order(4, worker));
    EXPECT_EQ(order, Sharding(1003, 10, 32, 7).epoch_order(3, worker));
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_THROW(Sharding(5, 10, 32, 7), Error);
}

// 24,000 epochs of 4 examples: 24 orders, 1,000 each; chi-square with 23 degrees of freedom has mean 23 and
// standard deviation 6.8; the bound is 5 of them.
TEST(Sharding, EveryOrderIsEquallyLikely) {
  const Sharding sharding(4, 1, 4, 11);
  std::map<std::vector<std::int32_t>, int> counts;
  for (std::int64_t epoch = 0; epoch < 24000; ++epoch) ++counts[sharding.epoch_order(epoch, 0)];
  ASSERT_EQ(counts.size(), 24u);
  double chi_square = 0;
  for (const auto& [order, count] : counts) chi_square += (count - 1000.0) * (count - 1000.0) / 1000;
  EXPECT_LT(chi_square, 23 + 5 * 6.8);
}

}  // namespace
}  // namespace laser
