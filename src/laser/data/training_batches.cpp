#include "laser/data/training_batches.hpp"

#include "laser/core/fail.hpp"

namespace laser {

TrainingBatches::TrainingBatches(const ColorImages& images, const Sharding& sharding, Workers workers,
                                 std::uint64_t seed, const ImageFormat& format, bool augment)
    : images_(images),
      sharding_(sharding),
      workers_(workers),
      seed_(seed),
      format_(format),
      augment_(augment),
      orders_(static_cast<std::size_t>(workers.count)) {}

void TrainingBatches::fill(std::int64_t round, ImageBatch& batch) {
  LASER_CHECK(round >= 0);
  const auto epoch = round / sharding_.rounds_per_epoch(), step = round % sharding_.rounds_per_epoch();
  if (epoch != epoch_) {
    for (std::int64_t i = 0; i < workers_.count; ++i)
      orders_[static_cast<std::size_t>(i)] = sharding_.epoch_order(epoch, workers_.first + i);
    epoch_ = epoch;
  }
  batch.numbers.clear();
  for (const auto& order : orders_) {
    const auto part = sharding_.batch(order, step);
    batch.images_per_worker = static_cast<std::int64_t>(part.size());
    batch.numbers.insert(batch.numbers.end(), part.begin(), part.end());
  }
  batch.pixels.resize(batch.numbers.size() * format_.values());
  batch.labels.resize(batch.numbers.size());
  write_images(images_, batch.numbers, {seed_, epoch, augment_}, format_, batch.pixels, batch.labels);
}

}  // namespace laser
