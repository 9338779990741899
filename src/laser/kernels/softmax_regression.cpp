#include "laser/kernels/softmax_regression.hpp"

#include <hwy/cache_control.h>

#include <cmath>
#include <cstddef>

#include "laser/core/fail.hpp"
#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/softmax_regression.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

#ifndef LASER_KERNELS_SOFTMAX_MODEL
#define LASER_KERNELS_SOFTMAX_MODEL
namespace laser {

/// The arguments that all functions below share.
struct SoftmaxModel {
  const SparseRows& rows;
  const std::uint8_t* labels;
  std::size_t classes;
  const float* weights;
  const float* bias;
  const float* value_table;
};

/// One image: its non-zero pixels.
struct SparseImage {
  const std::uint16_t* columns;
  const std::uint8_t* values;
  std::size_t size;
};

inline SparseImage sparse_image(const SparseRows& rows, std::size_t id) {
  const std::size_t first = rows.offsets[id];
  return {rows.columns.data() + first, rows.values.data() + first, rows.offsets[id + 1] - first};
}

/// Asks for an image's pixels a few images early: those of a shuffled batch are far apart in memory.
inline void prefetch(const SparseImage& image) {
  for (std::size_t p = 0; p < image.size; p += 32) hwy::Prefetch(image.columns + p);
  for (std::size_t p = 0; p < image.size; p += 64) hwy::Prefetch(image.values + p);
}
inline constexpr std::size_t kImagesAhead = 4;

}  // namespace laser
#endif

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kLanes = kClassLanes;
using LaneTag = hn::CappedTag<float, kLanes>;
using LaneVector = hn::Vec<LaneTag>;

/// sum + value_table[value] * weights[column]. Not MulAdd: it rounds differently where it is fused.
HWY_INLINE LaneVector add_pixel(LaneVector sum, const float* table, const float* weights,
                                const SparseImage& image, std::size_t p) {
  const LaneTag d;
  const LaneVector value = hn::Set(d, table[image.values[p]]);
  return hn::Add(sum, hn::Mul(value, hn::LoadU(d, weights + kLanes * image.columns[p])));
}

/// lanes [16] = bias + sum over pixels; pixel p goes to partial sum p % 4 (the last few to 0), so that
/// additions overlap. Images are taken by value: the compiler must assume that a vector store may change what
/// it refers to.
HWY_INLINE void forward(const SoftmaxModel& model, SparseImage image, float* HWY_RESTRICT lanes) {
  const LaneTag d;
  const float* const table = model.value_table;
  for (std::size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
    const float* const weights = model.weights + lane;
    LaneVector s0 = hn::LoadU(d, model.bias + lane);
    LaneVector s1 = hn::Zero(d), s2 = hn::Zero(d), s3 = hn::Zero(d);
    std::size_t p = 0;
    for (; p + 4 <= image.size; p += 4) {
      s0 = add_pixel(s0, table, weights, image, p);
      s1 = add_pixel(s1, table, weights, image, p + 1);
      s2 = add_pixel(s2, table, weights, image, p + 2);
      s3 = add_pixel(s3, table, weights, image, p + 3);
    }
    for (; p < image.size; ++p) s0 = add_pixel(s0, table, weights, image, p);
    hn::Store(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), d, lanes + lane);
  }
}

/// gradient[column] += value_table[value] * delta for every pixel; delta: [16].
HWY_INLINE void backward(const float* table, SparseImage image, const float* HWY_RESTRICT delta,
                         float* gradient) {
  const LaneTag d;
  for (std::size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
    const LaneVector step = hn::Load(d, delta + lane);
    for (std::size_t p = 0; p < image.size; ++p) {
      float* const row = gradient + kLanes * image.columns[p] + lane;
      hn::StoreU(hn::Add(hn::LoadU(d, row), hn::Mul(hn::Set(d, table[image.values[p]]), step)), d, row);
    }
  }
}

/// e^x for x <= 0 to about 1 ulp, below -87 as if x were -87: 2^n e^r with |r| <= ln(2) / 2, and
/// e^r = 1 + r + r^2 c(r) with our own minimax fit c (relative error of e^r 3.2e-9).
HWY_INLINE LaneVector exp_nonpositive(LaneVector x) {
  const LaneTag d;
  const hn::RebindToSigned<LaneTag> di;
  constexpr float kInverseLn2 = 0x1.715476p+0f;
  constexpr float kLn2High = 0x1.62e4p-1f;  // 16 bits: n * kLn2High is exact
  constexpr float kLn2Low = 0x1.7f7d1cp-20f;
  const LaneVector lowest = hn::Set(d, -87.0f);
  x = hn::IfThenElse(hn::Lt(x, lowest), lowest, x);  // unlike Max, this passes NaN on
  // Truncation after subtracting 1/2 is rounding to nearest for x <= 0.
  const auto n = hn::ConvertTo(di, hn::Sub(hn::Mul(x, hn::Set(d, kInverseLn2)), hn::Set(d, 0.5f)));
  const LaneVector nf = hn::ConvertTo(d, n);
  const LaneVector r =
      hn::Sub(hn::Sub(x, hn::Mul(nf, hn::Set(d, kLn2High))), hn::Mul(nf, hn::Set(d, kLn2Low)));
  LaneVector c = hn::Set(d, 0x1.6a524ep-10f);
  c = hn::Add(hn::Mul(c, r), hn::Set(d, 0x1.12396ep-7f));
  c = hn::Add(hn::Mul(c, r), hn::Set(d, 0x1.5558aap-5f));
  c = hn::Add(hn::Mul(c, r), hn::Set(d, 0x1.555492p-3f));
  c = hn::Add(hn::Mul(c, r), hn::Set(d, 0x1.fffffcp-2f));
  const LaneVector e = hn::Add(hn::Add(hn::Mul(hn::Mul(r, r), c), r), hn::Set(d, 1.0f));
  const auto power = hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127)));
  return hn::Mul(e, hn::BitCast(d, power));
}

/// The softmax of one image before it is divided by its sum.
struct Softmax {
  double sum;        // of e^(logit - largest), added up in double in the order of the classes
  std::size_t best;  // first class with the largest logit
  double loss;       // cross-entropy
};

/// lanes [16]: logits -> e^(logit - largest), and 0 from `classes` on.
HWY_INLINE Softmax softmax(float* HWY_RESTRICT lanes, std::size_t classes, std::size_t label) {
  const LaneTag d;
  std::size_t best = 0;
  float largest = lanes[0];
  for (std::size_t c = 1; c < classes; ++c) {
    const bool larger = lanes[c] > largest;
    best = larger ? c : best;
    largest = larger ? lanes[c] : largest;
  }
  const float wanted = lanes[label];
  for (std::size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
    const LaneVector logits = hn::Load(d, lanes + lane);
    hn::Store(exp_nonpositive(hn::Sub(logits, hn::Set(d, largest))), d, lanes + lane);
  }
  for (std::size_t c = classes; c < kLanes; ++c) lanes[c] = 0;
  double sum = 0;
  for (std::size_t c = 0; c < classes; ++c) sum += static_cast<double>(lanes[c]);
  return {sum, best, std::log(sum) + static_cast<double>(largest) - static_cast<double>(wanted)};
}

/// lanes [16]: e^(logit - largest) -> scale * (softmax - one-hot label), also added to the bias gradient.
HWY_INLINE void output_gradient(float* HWY_RESTRICT lanes, double sum, std::size_t label, float scale,
                                float* HWY_RESTRICT bias_gradient) {
  const LaneTag d;
  const LaneVector factor = hn::Set(d, static_cast<float>(static_cast<double>(scale) / sum));
  for (std::size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
    hn::Store(hn::Mul(hn::Load(d, lanes + lane), factor), d, lanes + lane);
  }
  lanes[label] -= scale;
  for (std::size_t lane = 0; lane < kLanes; ++lane) bias_gradient[lane] += lanes[lane];
}

double gradient_of_images(const SoftmaxModel& model, const std::int32_t* ids, std::size_t count,
                          float* gradient, float* bias_gradient, float scale) {
  HWY_ALIGN float lanes[kLanes];
  const auto image = [&](std::size_t i) {
    return sparse_image(model.rows, static_cast<std::size_t>(ids[i]));
  };
  for (std::size_t i = 0; i < count && i < kImagesAhead; ++i) prefetch(image(i));
  double loss = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kImagesAhead < count) prefetch(image(i + kImagesAhead));
    const std::size_t label = model.labels[ids[i]];
    forward(model, image(i), lanes);
    const Softmax result = softmax(lanes, model.classes, label);
    loss += result.loss;
    output_gradient(lanes, result.sum, label, scale, bias_gradient);
    backward(model.value_table, image(i), lanes, gradient);
  }
  return loss;
}

SoftmaxScore score_of_images(const SoftmaxModel& model, std::size_t first, std::size_t last) {
  HWY_ALIGN float lanes[kLanes];
  SoftmaxScore score;
  for (std::size_t id = first; id < last; ++id) {
    const std::size_t label = model.labels[id];
    forward(model, sparse_image(model.rows, id), lanes);
    const Softmax result = softmax(lanes, model.classes, label);
    score.loss += result.loss;
    score.correct += result.best == label ? 1 : 0;
  }
  return score;
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(gradient_of_images);
HWY_EXPORT(score_of_images);

double softmax_regression_gradient(const SparseRows& rows, std::span<const std::int32_t> ids,
                                   std::span<const std::uint8_t> labels, int classes, const float* weights,
                                   const float* bias, std::span<const float, 256> value_table,
                                   float* gradient, float* bias_gradient, float scale) {
  LASER_CHECK(classes >= 1 && classes <= kClassLanes && labels.size() == rows.size());
  const SoftmaxModel model = {rows,    labels.data(), static_cast<std::size_t>(classes),
                              weights, bias,          value_table.data()};
  return HWY_DYNAMIC_DISPATCH(gradient_of_images)(model, ids.data(), ids.size(), gradient, bias_gradient,
                                                  scale);
}

SoftmaxScore softmax_regression_evaluate(const SparseRows& rows, std::int64_t first, std::int64_t last,
                                         std::span<const std::uint8_t> labels, int classes,
                                         const float* weights, const float* bias,
                                         std::span<const float, 256> value_table) {
  LASER_CHECK(classes >= 1 && classes <= kClassLanes && labels.size() == rows.size());
  LASER_CHECK(first >= 0 && first <= last && last <= static_cast<std::int64_t>(rows.size()));
  const SoftmaxModel model = {rows,    labels.data(), static_cast<std::size_t>(classes),
                              weights, bias,          value_table.data()};
  return HWY_DYNAMIC_DISPATCH(score_of_images)(model, static_cast<std::size_t>(first),
                                               static_cast<std::size_t>(last));
}

}  // namespace laser
#endif  // HWY_ONCE
