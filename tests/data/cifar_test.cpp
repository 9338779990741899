// Reading CIFAR: images and labels where the format has them, and everything that can be
// wrong with the files.
#include "laser/data/cifar.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "laser/data/data_files.hpp"
#include "laser/hash/sha256.hpp"
#include "synthetic_images.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

const RecordFormat kTen{3073, {10}};
const RecordFormat kHundred{3074, {20, 100}};

/// Files of the canonical sizes that hold zeros, and so images of class 0; they take no room on the disk.
void write_zero_files(const std::string& set, const std::string& folder) {
  fs::create_directories(folder);
  for (const auto& file : find_data_set(set).files()) {
    write_file(folder + "/" + file.name, "");
    fs::resize_file(folder + "/" + file.name, file.bytes);
  }
}

void change_byte(const std::string& path, std::streamoff at, char byte) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file.put(byte);
}

Error load_error(const std::string& set, const std::string& folder, bool verify) {
  return error_of([&] { (void)load_cifar(set, folder, verify); });
}

TEST(ColorImages, FollowOneAnotherThroughTheFiles) {
  for (const bool coarse : {false, true}) {
    const TemporaryFolder folder;
    write_file(folder / "1", synthetic_records(0, 3, coarse));
    write_file(folder / "2", synthetic_records(3, 2, coarse));
    const ColorImages images({folder / "1", folder / "2"}, coarse ? kHundred : kTen);
    ASSERT_EQ(images.size(), 5);
    EXPECT_EQ(images.classes(), coarse ? 100 : 10);
    for (std::int64_t i = 0; i < 5; ++i) {
      EXPECT_EQ(images.labels()[static_cast<std::size_t>(i)], i % 10);
      for (std::int64_t channel = 0; channel < 3; ++channel)
        for (std::int64_t y = 0; y < 32; ++y)
          for (std::int64_t x = 0; x < 32; ++x)
            ASSERT_EQ(images.image(i)[1024 * channel + 32 * y + x], synthetic_byte(i, channel, y, x));
    }
  }
}

TEST(ColorImages, DamagedRecordsAreRefused) {
  const TemporaryFolder folder;
  const auto text = [&](const std::string& content, const RecordFormat& format) {
    write_file(folder / "a", content);
    const auto error = error_of([&] { (void)ColorImages({folder / "a"}, format); });
    EXPECT_EQ(error.code(), ExitCode::kData);
    return std::string(error.what());
  };
  const auto begin = folder / "a" + " is not right: ";
  const auto ten = synthetic_records(0, 4, false);
  EXPECT_EQ(text("", kTen), begin + "its 0 bytes are not whole records of 3073");
  EXPECT_EQ(text(ten.substr(0, ten.size() - 1), kTen),
            begin + "its 12291 bytes are not whole records of 3073");
  auto wrong = ten;
  wrong[3 * 3073] = 10;
  EXPECT_EQ(text(wrong, kTen), begin + "record 3 has the label 10; labels are 0 .. 9");
  auto hundred = synthetic_records(0, 4, true);
  hundred[3074] = 20;  // the coarse label
  EXPECT_EQ(text(hundred, kHundred), begin + "record 1 has the label 20; labels are 0 .. 19");
}

TEST(Cifar, ReadsFilesOfTheCanonicalSizes) {
  const TemporaryFolder folder;
  for (const std::string set : {"cifar10", "cifar100"}) {
    write_zero_files(set, folder / set);
    const auto last = set == "cifar10" ? folder / set + "/data_batch_5.bin" : folder / set + "/train.bin";
    const auto record = set == "cifar10" ? 3073 : 3074;
    const auto end = static_cast<std::streamoff>(fs::file_size(last));
    change_byte(last, end - record + (record - 3073), 7);  // class of the last training image
    change_byte(last, end - 1, 9);                         // its last byte
    const auto cifar = load_cifar(set, folder.path(), false);
    EXPECT_EQ(cifar.train.size(), 50000);
    EXPECT_EQ(cifar.test.size(), 10000);
    EXPECT_EQ(cifar.train.labels()[49999], 7);
    EXPECT_EQ(cifar.train.labels()[49998], 0);
    EXPECT_EQ(cifar.train.image(49999)[3071], 9);
  }
}

TEST(Cifar, FindsTheFilesInAllFoldersTheyMayLieIn) {
  for (const std::string place : {"", "cifar10", "cifar-10-batches-bin"}) {
    const TemporaryFolder folder;
    write_zero_files("cifar10", folder / place);
    EXPECT_EQ(load_cifar("cifar10", folder.path(), false).test.size(), 10000) << place;
  }
}

TEST(Cifar, WhatIsMissingIsNamedWithWhatToDo) {
  const TemporaryFolder folder;
  const auto error = load_error("cifar10", folder.path(), true);
  EXPECT_EQ(error.code(), ExitCode::kData);
  EXPECT_EQ(std::string(error.what()),
            folder / "cifar10/data_batch_1.bin" +
                " is missing. HINT: run 'laser data fetch cifar10 --data-dir " + folder.path() +
                "'; without network, put cifar-10-binary.tar.gz or what it holds, data_batch_1.bin, "
                "data_batch_2.bin, data_batch_3.bin, data_batch_4.bin, "
                "data_batch_5.bin, test_batch.bin into " +
                folder / "cifar10" + ", or set data_dir to where they are");
  write_zero_files("cifar10", folder / "cifar10");
  fs::remove(folder / "cifar10/data_batch_3.bin");
  EXPECT_TRUE(
      contains(load_error("cifar10", folder.path(), true).what(), "cifar10/data_batch_1.bin is not right"));
  EXPECT_TRUE(
      contains(load_error("cifar10", folder.path(), false).what(), "cifar10/data_batch_3.bin is missing"));
}

TEST(Cifar, SizesLabelsAndHashesAreChecked) {
  const TemporaryFolder folder;
  write_zero_files("cifar100", folder.path());
  const auto test = folder / "test.bin";
  const auto text = [&](bool verify) {
    const auto error = load_error("cifar100", folder.path(), verify);
    EXPECT_EQ(error.code(), ExitCode::kData);
    return std::string(error.what());
  };
  const std::string hint = ". HINT: 'laser data fetch cifar100 --data-dir " + folder.path() +
                           "' brings the published files; for a version of your own, 'sha256sum FILE... > "
                           "SHA256SUMS' beside the files vouches for it";
  EXPECT_EQ(text(true), folder / "train.bin" + " is not right: its SHA-256 is not the published one" + hint +
                            ", or verify_data=false reads it as it is");
  fs::resize_file(test, 10000 * 3074 - 1);
  EXPECT_EQ(text(false), test + " is not right: it has 30739999 bytes, not 30740000" + hint);
  fs::resize_file(test, 9999 * 3074);  // whole records are not enough
  EXPECT_EQ(text(false), test + " is not right: it has 30736926 bytes, not 30740000" + hint);
  fs::resize_file(test, 0);
  EXPECT_EQ(text(false), test + " is not right: it is empty" + hint);
  fs::resize_file(test, 10000 * 3074);
  change_byte(test, 3 * 3074 + 1, 100);
  EXPECT_EQ(text(false), test + " is not right: record 3 has the label 100; labels are 0 .. 99" + hint);
}

/// A version of CIFAR-10 with 4 images a file, and the SHA256SUMS that vouches for it.
void write_own_version(const TemporaryFolder& folder) {
  std::string sums;
  std::int64_t first = 0;
  for (const auto& file : find_data_set("cifar10").files()) {
    const auto content = synthetic_records(std::exchange(first, first + 4), 4, false);
    write_file(folder / file.name, content);
    sums += sha256_hex(content) + "  " + file.name + "\n";
  }
  write_file(folder / kSumsName, sums);
}

TEST(Cifar, AVersionOfOnesOwnIsVouchedForBySums) {
  const TemporaryFolder folder;
  write_own_version(folder);
  const auto cifar = load_cifar("cifar10", folder.path());
  EXPECT_EQ(cifar.train.size(), 20);
  EXPECT_EQ(cifar.test.size(), 4);
  EXPECT_EQ(cifar.train.image(19)[0], synthetic_byte(19, 0, 0, 0));
  EXPECT_EQ(cifar.test.image(0)[0], synthetic_byte(20, 0, 0, 0));
  change_byte(folder / "test_batch.bin", 5, 0);
  EXPECT_TRUE(
      contains(load_error("cifar10", folder.path(), true).what(), "its SHA-256 is not that of SHA256SUMS"));
}

// Each of 64 bits, spread over all of the file, as SHA-256 finds every one.
TEST(Cifar, FlippedBitsAreFound) {
  const TemporaryFolder folder;
  write_own_version(folder);
  std::mt19937 random(5);
  const auto path = folder / "data_batch_2.bin";
  const auto whole = read_file(path);
  for (int i = 0; i < 64; ++i) {
    const auto at = random() % whole.size();
    change_byte(path, static_cast<std::streamoff>(at), static_cast<char>(whole[at] ^ (1 << i % 8)));
    const auto error = load_error("cifar10", folder.path(), true);
    EXPECT_EQ(error.code(), ExitCode::kData);
    EXPECT_TRUE(contains(error.what(), path + " is not right: its SHA-256")) << error.what();
    change_byte(path, static_cast<std::streamoff>(at), whole[at]);
  }
  EXPECT_EQ(load_cifar("cifar10", folder.path()).train.size(), 20);
}

// Only where the data sets are: fetched, or in the folder that LASER_DATA_DIR names.
TEST(Cifar, TheRealImagesHaveTheirKnownStatistics) {
  struct Expected {
    const char* set;
    double mean[3], deviation[3];
  };
  bool any = false;
  for (const auto& expected : {Expected{"cifar10", {0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}},
                               Expected{"cifar100", {0.5071, 0.4865, 0.4409}, {0.2673, 0.2564, 0.2762}}}) {
    const auto& set = find_data_set(expected.set);
    if (!fs::exists(folder_of(set, "") / set.files().front().name)) continue;
    any = true;
    const auto train = load_cifar(expected.set, "").train;
    ASSERT_EQ(train.size(), 50000);
    std::vector<int> of_class(static_cast<std::size_t>(train.classes()));
    for (const auto label : train.labels()) ++of_class[label];
    for (const auto count : of_class) EXPECT_EQ(count, 50000 / train.classes());
    for (std::int64_t channel = 0; channel < 3; ++channel) {
      std::int64_t sum = 0, squares = 0;
      for (std::int64_t i = 0; i < train.size(); ++i) {
        const auto* plane = train.image(i) + 1024 * channel;
        for (const int value : std::span(plane, 1024)) sum += value, squares += value * value;
      }
      const double count = 50000 * 1024, mean = static_cast<double>(sum) / count;
      EXPECT_NEAR(mean / 255, expected.mean[channel], 5e-5);
      EXPECT_NEAR(std::sqrt(static_cast<double>(squares) / count - mean * mean) / 255,
                  expected.deviation[channel], 5e-5);
    }
  }
  if (!any) GTEST_SKIP() << "neither cifar10 nor cifar100 is here";
}

}  // namespace
}  // namespace laser
