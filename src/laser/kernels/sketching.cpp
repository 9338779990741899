#include "laser/kernels/sketching.hpp"

#include <algorithm>
#include <limits>

#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/kernels/simd_targets.hpp"
#include "laser/kernels/word_runs.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/sketching.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

using WordTag = hn::ScalableTag<std::uint32_t>;
using WordVector = hn::Vec<WordTag>;

/// sketch_bucket() of every lane.
HWY_INLINE WordVector buckets_of(WordVector words, WordVector count) {
  const WordTag d;
  const hn::RepartitionToWide<WordTag> wide;
  const auto even = hn::ShiftRight<32>(hn::MulEven(words, count));
  const auto upper = hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, words)));
  const auto odd = hn::MulEven(upper, count);
  return hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, even));
}

/// Bucket and signed number of every coordinate; a multiple of the vector length of them. Returns how many.
HWY_INLINE std::size_t place_floats(const float* x, const std::uint32_t* words, std::size_t size,
                                    std::uint32_t count, std::uint32_t* places, float* numbers) {
  const WordTag d;
  const hn::RebindToFloat<WordTag> df;
  const auto counts = hn::Set(d, count);
  std::size_t j = 0;
  for (; j + hn::Lanes(d) <= size; j += hn::Lanes(d)) {
    const auto word = hn::LoadU(d, words + j);
    hn::Store(buckets_of(word, counts), d, places + j);
    const auto sign = hn::BitCast(df, hn::ShiftLeft<31>(word));
    hn::Store(hn::Xor(hn::LoadU(df, x + j), sign), df, numbers + j);
  }
  return j;
}

HWY_INLINE std::size_t read_floats(const float* buckets, const std::uint32_t* words, std::size_t size,
                                   std::uint32_t count, float* out) {
  const WordTag d;
  const hn::RebindToFloat<WordTag> df;
  const hn::RebindToSigned<WordTag> di;
  const auto counts = hn::Set(d, count);
  std::size_t j = 0;
  for (; j + hn::Lanes(d) <= size; j += hn::Lanes(d)) {
    const auto word = hn::LoadU(d, words + j);
    const auto sign = hn::BitCast(df, hn::ShiftLeft<31>(word));
    const auto read = hn::GatherIndex(df, buckets, hn::BitCast(di, buckets_of(word, counts)));
    hn::StoreU(hn::Xor(read, sign), df, out + j);
  }
  return j;
}

#else

HWY_INLINE std::size_t place_floats(const float*, const std::uint32_t*, std::size_t, std::uint32_t,
                                    std::uint32_t*, float*) {
  return 0;
}
HWY_INLINE std::size_t read_floats(const float*, const std::uint32_t*, std::size_t, std::uint32_t, float*) {
  return 0;
}

#endif

void sketch_floats(const float* x, const std::uint32_t* words, std::size_t size, float* buckets,
                   std::uint32_t count) {
  constexpr std::size_t kRun = 512;
  HWY_ALIGN std::uint32_t places[kRun];
  HWY_ALIGN float numbers[kRun];
  for (std::size_t first = 0; first < size; first += kRun) {
    const std::size_t run = std::min(kRun, size - first);
    const std::size_t done = place_floats(x + first, words + first, run, count, places, numbers);
    for (std::size_t j = 0; j < done; ++j) buckets[places[j]] += numbers[j];
    for (std::size_t j = first + done; j < first + run; ++j) {
      buckets[sketch_bucket(words[j], count)] += static_cast<float>(sketch_sign(words[j])) * x[j];
    }
  }
}

void unsketch_floats(const float* buckets, const std::uint32_t* words, std::size_t size, std::uint32_t count,
                     float* out) {
  for (std::size_t j = read_floats(buckets, words, size, count, out); j < size; ++j) {
    out[j] = static_cast<float>(sketch_sign(words[j])) * buckets[sketch_bucket(words[j], count)];
  }
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(sketch_floats);
HWY_EXPORT(unsketch_floats);

namespace {

constexpr std::size_t kSerial = std::size_t{1} << 15;  // numbers: less is not worth waking threads for

std::uint32_t checked_count(std::size_t buckets) {
  LASER_CHECK(buckets > 0 && buckets <= std::numeric_limits<std::int32_t>::max());
  return static_cast<std::uint32_t>(buckets);
}

}  // namespace

template <>
void sketch(const float* x, std::span<const std::uint32_t> words, std::span<float> buckets) {
  HWY_DYNAMIC_DISPATCH(sketch_floats)
  (x, words.data(), words.size(), buckets.data(), checked_count(buckets.size()));
}

template <>
void sketch(const double* x, std::span<const std::uint32_t> words, std::span<double> buckets) {
  const auto count = checked_count(buckets.size());
  for (std::size_t j = 0; j < words.size(); ++j)
    buckets[sketch_bucket(words[j], count)] += sketch_sign(words[j]) * x[j];
}

template <>
void unsketch(std::span<const float> buckets, std::span<const std::uint32_t> words, float* out) {
  HWY_DYNAMIC_DISPATCH(unsketch_floats)
  (buckets.data(), words.data(), words.size(), checked_count(buckets.size()), out);
}

template <>
void unsketch(std::span<const double> buckets, std::span<const std::uint32_t> words, double* out) {
  const auto count = checked_count(buckets.size());
  for (std::size_t j = 0; j < words.size(); ++j)
    out[j] = sketch_sign(words[j]) * buckets[sketch_bucket(words[j], count)];
}

std::vector<SketchPart> sketch_parts(std::size_t size, std::size_t buckets) {
  LASER_CHECK(buckets > 0 && buckets <= size);
  const std::size_t count = (buckets + kSketchPart - 1) / kSketchPart;
  std::vector<SketchPart> parts(count);
  for (std::size_t p = 0; p < count; ++p) {
    const std::size_t first = size * p / count, first_bucket = buckets * p / count;
    parts[p] = {first, size * (p + 1) / count - first, first_bucket,
                buckets * (p + 1) / count - first_bucket};
  }
  return parts;
}

template <class T>
void sketch_rows(const T* x, std::size_t workers, std::size_t stride, std::size_t size, const StreamKey& key,
                 std::span<T> buckets) {
  LASER_CHECK(workers > 0 && buckets.size() % workers == 0);
  const std::size_t width = buckets.size() / workers;
  const auto parts = sketch_parts(size, width);
  for_each_piece(
      workers * parts.size(),
      [&](std::size_t piece) {
        const std::size_t i = piece / parts.size();
        const auto& part = parts[piece % parts.size()];
        const auto own = buckets.subspan(i * width + part.first_bucket, part.buckets);
        std::fill(own.begin(), own.end(), T{0});
        for_words(key, part.first, part.size, [&](std::size_t first, std::span<const std::uint32_t> words) {
          sketch(x + i * stride + part.first + first, words, own);
        });
      },
      workers * size > kSerial);
}

template <class T>
void unsketch_row(std::span<const T> buckets, const StreamKey& key, std::span<T> out) {
  const auto parts = sketch_parts(out.size(), buckets.size());
  for_each_piece(
      parts.size(),
      [&](std::size_t p) {
        const auto& part = parts[p];
        const auto own = buckets.subspan(part.first_bucket, part.buckets);
        for_words(key, part.first, part.size, [&](std::size_t first, std::span<const std::uint32_t> words) {
          unsketch(own, words, out.data() + part.first + first);
        });
      },
      out.size() > kSerial);
}

template void sketch_rows(const float*, std::size_t, std::size_t, std::size_t, const StreamKey&,
                          std::span<float>);
template void sketch_rows(const double*, std::size_t, std::size_t, std::size_t, const StreamKey&,
                          std::span<double>);
template void unsketch_row(std::span<const float>, const StreamKey&, std::span<float>);
template void unsketch_row(std::span<const double>, const StreamKey&, std::span<double>);

}  // namespace laser
#endif  // HWY_ONCE
