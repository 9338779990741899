// The images that the workers train on, round by round: sharding, augmentation and layout together.
//
// A round's batch is a function of its number: rounds can be made in any order, and a resumed run needs no
// more than the number of its next round. Give `fill` to a Prefetcher to have it done by another thread.
#pragma once

#include <cstdint>
#include <vector>

#include "laser/data/augmentation.hpp"
#include "laser/data/sharding.hpp"

namespace laser {

/// What the workers train on in one round, n images each.
struct ImageBatch {
  std::int64_t images_per_worker = 0;  // n: the batch size, or less in the last round of an epoch
  std::vector<float> pixels;           // [workers, n, 3 s^2]
  std::vector<std::int64_t> labels;    // [workers, n]
  std::vector<std::int32_t> numbers;   // of the images in the training set, [workers, n]
};

/// The batches of workers first .. first + count - 1.
class TrainingBatches {
 public:
  struct Workers {
    std::int64_t first = 0;
    std::int64_t count = 1;
  };
  /// `images` and `sharding` must live as long. With `augment` false the images are as they are.
  TrainingBatches(const ColorImages& images, const Sharding& sharding, Workers workers, std::uint64_t seed,
                  const ImageFormat& format, bool augment);

  /// Writes the batch of round `round` (0-based, through all epochs) into `batch`, whose memory is used
  /// again. For one thread at a time: the orders of the epoch are kept.
  void fill(std::int64_t round, ImageBatch& batch);

 private:
  const ColorImages& images_;
  const Sharding& sharding_;
  Workers workers_;
  std::uint64_t seed_;
  ImageFormat format_;
  bool augment_;
  std::int64_t epoch_ = -1;                        // of the orders
  std::vector<std::vector<std::int32_t>> orders_;  // of each worker
};

}  // namespace laser
