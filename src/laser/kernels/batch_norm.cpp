#include "laser/kernels/batch_norm.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "laser/core/aligned.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/batch_norm.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

#ifndef LASER_KERNELS_BATCH_NORM_ARGUMENTS
#define LASER_KERNELS_BATCH_NORM_ARGUMENTS
namespace laser {

/// One piece of rows on its way through a pass over memory. Pointers are to the piece's first row.
struct BatchNormPiece {
  std::size_t rows;
  std::size_t channels;
  bool relu;
};

/// Rows whose sums are held in float before they are added up in double.
inline constexpr std::size_t kRowsOfBlock = 128;

}  // namespace laser
#endif

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Tag>
using VectorOf = hn::Vec<Tag>;

/// Calls use(tag) with the widest vectors that `channels` is a multiple of, 16, 8, 4 or 1 lanes.
template <class Use>
HWY_INLINE void with_tag(std::size_t channels, Use use) {
  // On a target of 8 lanes the first two are the same. NOLINTNEXTLINE(bugprone-branch-clone)
  if (channels % 16 == 0) {
    use(hn::CappedTag<float, 16>());
  } else if (channels % 8 == 0) {
    use(hn::CappedTag<float, 8>());
  } else if (channels % 4 == 0) {
    use(hn::CappedTag<float, 4>());
  } else {
    use(hn::CappedTag<float, 1>());
  }
}

/// Adds the lanes of `sum` to `totals`.
template <class Tag>
HWY_INLINE void add_to(Tag d, VectorOf<Tag> sum, double* totals) {
  HWY_ALIGN float values[hn::MaxLanes(Tag())];
  hn::Store(sum, d, values);
  for (std::size_t j = 0; j < hn::Lanes(d); ++j) totals[j] += static_cast<double>(values[j]);
}

/// Calls use(first row, rows, first channel) for one vector of channels at a time, by blocks of rows that
/// stay in the cache.
template <class Tag, class Use>
HWY_INLINE void for_each_block(Tag d, const BatchNormPiece& piece, Use use) {
  for (std::size_t row = 0; row < piece.rows; row += kRowsOfBlock) {
    const std::size_t rows = std::min(kRowsOfBlock, piece.rows - row);
    for (std::size_t c = 0; c < piece.channels; c += hn::Lanes(d)) use(row, rows, c);
  }
}

/// totals [2, channels] += sums of (x - pivot) and of its square. Row r of a block goes to partial sum r % 4,
/// so that additions overlap.
template <class Tag>
HWY_INLINE void sum_batch_by(Tag d, const BatchNormPiece& piece, const float* x, const float* pivot,
                             double* totals) {
  const std::size_t stride = piece.channels;
  for_each_block(d, piece, [&](std::size_t first, std::size_t rows, std::size_t channel) HWY_ATTR {
    const float* const column = x + first * stride + channel;
    const auto shift = hn::LoadU(d, pivot + channel);
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, q0 = s0, q1 = s0, q2 = s0, q3 = s0;
    const auto add = [&](std::size_t r, VectorOf<Tag>& sum, VectorOf<Tag>& square) HWY_ATTR {
      const auto value = hn::Sub(hn::LoadU(d, column + r * stride), shift);
      sum = hn::Add(sum, value);
      square = hn::Add(square, hn::Mul(value, value));
    };
    std::size_t r = 0;
    for (; r + 4 <= rows; r += 4) {
      add(r, s0, q0);
      add(r + 1, s1, q1);
      add(r + 2, s2, q2);
      add(r + 3, s3, q3);
    }
    for (; r < rows; ++r) add(r, s0, q0);
    add_to(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), totals + channel);
    add_to(d, hn::Add(hn::Add(q0, q1), hn::Add(q2, q3)), totals + stride + channel);
  });
}

void sum_batch(const BatchNormPiece& piece, const float* x, const float* pivot, double* totals) {
  with_tag(piece.channels, [&](auto d) HWY_ATTR { sum_batch_by(d, piece, x, pivot, totals); });
}

/// y = scale * x + shift + residual, and its positive part with `relu`.
template <class Tag>
HWY_INLINE void apply_by(Tag d, const BatchNormPiece& piece, const float* scale, const float* shift,
                         const float* x, const float* residual, float* y) {
  for_each_block(d, piece, [&](std::size_t first, std::size_t rows, std::size_t channel) HWY_ATTR {
    const auto factor = hn::LoadU(d, scale + channel), constant = hn::LoadU(d, shift + channel);
    for (std::size_t r = first; r < first + rows; ++r) {
      const std::size_t at = r * piece.channels + channel;
      auto value = hn::Add(hn::Mul(factor, hn::LoadU(d, x + at)), constant);
      if (residual != nullptr) value = hn::Add(value, hn::LoadU(d, residual + at));
      // Not Max: NaN must pass.
      if (piece.relu) value = hn::IfThenZeroElse(hn::Lt(value, hn::Zero(d)), value);
      hn::StoreU(value, d, y + at);
    }
  });
}

void apply(const BatchNormPiece& piece, const float* scale, const float* shift, const float* x,
           const float* residual, float* y) {
  with_tag(piece.channels, [&](auto d) HWY_ATTR { apply_by(d, piece, scale, shift, x, residual, y); });
}

/// With `relu`, gradient = 0 where y is. totals [2, channels] += sums of gradient and of gradient
/// * (x - mean).
template <class Tag>
HWY_INLINE void sum_gradient_by(Tag d, const BatchNormPiece& piece, const float* mean, const float* x,
                                const float* y, float* gradient, double* totals) {
  const std::size_t stride = piece.channels;
  for_each_block(d, piece, [&](std::size_t first, std::size_t rows, std::size_t channel) HWY_ATTR {
    const std::size_t start = first * stride + channel;
    const auto shift = hn::LoadU(d, mean + channel);
    auto s0 = hn::Zero(d), s1 = s0, q0 = s0, q1 = s0;
    const auto add = [&](std::size_t r, VectorOf<Tag>& sum, VectorOf<Tag>& product) HWY_ATTR {
      const std::size_t at = start + r * stride;
      auto g = hn::LoadU(d, gradient + at);
      if (piece.relu) {
        g = hn::IfThenZeroElse(hn::Eq(hn::LoadU(d, y + at), hn::Zero(d)), g);
        hn::StoreU(g, d, gradient + at);
      }
      sum = hn::Add(sum, g);
      product = hn::Add(product, hn::Mul(g, hn::Sub(hn::LoadU(d, x + at), shift)));
    };
    std::size_t r = 0;
    for (; r + 2 <= rows; r += 2) {
      add(r, s0, q0);
      add(r + 1, s1, q1);
    }
    if (r < rows) add(r, s0, q0);
    add_to(d, hn::Add(s0, s1), totals + channel);
    add_to(d, hn::Add(q0, q1), totals + stride + channel);
  });
}

void sum_gradient(const BatchNormPiece& piece, const float* mean, const float* x, const float* y,
                  float* gradient, double* totals) {
  with_tag(piece.channels, [&](auto d) HWY_ATTR { sum_gradient_by(d, piece, mean, x, y, gradient, totals); });
}

/// x = a * gradient + b * (x - mean) + c.
template <class Tag>
HWY_INLINE void combine_by(Tag d, const BatchNormPiece& piece, const float* a, const float* b, const float* c,
                           const float* mean, const float* gradient, float* x) {
  for_each_block(d, piece, [&](std::size_t first, std::size_t rows, std::size_t channel) HWY_ATTR {
    const auto va = hn::LoadU(d, a + channel), vb = hn::LoadU(d, b + channel), vc = hn::LoadU(d, c + channel);
    const auto shift = hn::LoadU(d, mean + channel);
    for (std::size_t r = first; r < first + rows; ++r) {
      const std::size_t at = r * piece.channels + channel;
      const auto centred = hn::Mul(vb, hn::Sub(hn::LoadU(d, x + at), shift));
      hn::StoreU(hn::Add(hn::Mul(va, hn::LoadU(d, gradient + at)), hn::Add(centred, vc)), d, x + at);
    }
  });
}

void combine(const BatchNormPiece& piece, const float* a, const float* b, const float* c, const float* mean,
             const float* gradient, float* x) {
  with_tag(piece.channels, [&](auto d) HWY_ATTR { combine_by(d, piece, a, b, c, mean, gradient, x); });
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {
namespace {

HWY_EXPORT(sum_batch);
HWY_EXPORT(apply);
HWY_EXPORT(sum_gradient);
HWY_EXPORT(combine);

/// Numbers of a piece: small enough for the cores of a large batch, large enough to be worth a thread.
constexpr std::size_t kNumbersOfPiece = std::size_t{1} << 17;

std::size_t rows_of_piece(const BatchNormShape& shape) {
  const std::size_t blocks = kNumbersOfPiece / (shape.channels * kRowsOfBlock);
  return kRowsOfBlock * std::max<std::size_t>(blocks, 1);
}

/// Calls work(piece number, its first number, the piece) for all pieces of the rows.
template <class Work>
void for_each_rows(const BatchNormShape& shape, const Work& work) {
  const std::size_t size = rows_of_piece(shape);
  for_each_piece((shape.rows + size - 1) / size, [&](std::size_t i) {
    const std::size_t first = i * size;
    work(i, first * shape.channels,
         BatchNormPiece{std::min(size, shape.rows - first), shape.channels, shape.relu});
  });
}

/// Sums of two quantities over all rows, [2, channels]; work(piece number's first number, piece, totals).
template <class Work>
std::vector<double> sums(const BatchNormShape& shape, const Work& work) {
  const std::size_t size = rows_of_piece(shape), width = 2 * shape.channels;
  std::vector<double> totals((shape.rows + size - 1) / size * width, 0.0);
  for_each_rows(shape, [&](std::size_t i, std::size_t at, const BatchNormPiece& piece) {
    work(at, piece, totals.data() + i * width);
  });
  for (std::size_t i = width; i < totals.size(); ++i) totals[i % width] += totals[i];
  totals.resize(width);
  return totals;
}

void check(const BatchNormShape& shape) { LASER_CHECK(shape.rows > 0 && shape.channels > 0); }

}  // namespace

void batch_norm_forward(const BatchNormShape& shape, const BatchNormParameters& parameters, const float* x,
                        const float* residual, float* y, const BatchStatistics& batch,
                        const RunningStatistics& running) {
  check(shape);
  // Variance by sums of squares loses nothing where the pivot, here the first row, is near the mean.
  const auto totals = sums(shape, [&](std::size_t at, const BatchNormPiece& piece, double* own) {
    HWY_DYNAMIC_DISPATCH(sum_batch)(piece, x + at, x, own);
  });
  const auto count = static_cast<double>(shape.rows);
  AlignedVector<float> scale(shape.channels), shift(shape.channels);
  for (std::size_t c = 0; c < shape.channels; ++c) {
    const double offset = totals[c] / count;
    const double mean = static_cast<double>(x[c]) + offset;
    // Written so that NaN stays NaN.
    const double squares = totals[shape.channels + c] - count * offset * offset;
    const double sum = squares < 0 ? 0 : squares;
    const double inverse = 1 / std::sqrt(sum / count + parameters.epsilon);
    batch.mean[c] = static_cast<float>(mean);
    batch.inverse_deviation[c] = static_cast<float>(inverse);
    const double factor = static_cast<double>(parameters.weight[c]) * inverse;
    scale[c] = static_cast<float>(factor);
    shift[c] = static_cast<float>(static_cast<double>(parameters.bias[c]) - mean * factor);
    const auto move = [&](float& value, double target) {
      value =
          static_cast<float>((1 - running.momentum) * static_cast<double>(value) + running.momentum * target);
    };
    move(running.mean[c], mean);
    move(running.variance[c], sum / (count - 1));
  }
  for_each_rows(shape, [&](std::size_t, std::size_t at, const BatchNormPiece& piece) {
    HWY_DYNAMIC_DISPATCH(apply)
    (piece, scale.data(), shift.data(), x + at, residual == nullptr ? nullptr : residual + at, y + at);
  });
}

void batch_norm_evaluate(const BatchNormShape& shape, const BatchNormParameters& parameters,
                         const float* mean, const float* variance, const float* x, const float* residual,
                         float* y) {
  check(shape);
  AlignedVector<float> scale(shape.channels), shift(shape.channels);
  for (std::size_t c = 0; c < shape.channels; ++c) {
    const double factor = static_cast<double>(parameters.weight[c]) /
                          std::sqrt(static_cast<double>(variance[c]) + parameters.epsilon);
    scale[c] = static_cast<float>(factor);
    shift[c] =
        static_cast<float>(static_cast<double>(parameters.bias[c]) - static_cast<double>(mean[c]) * factor);
  }
  for_each_rows(shape, [&](std::size_t, std::size_t at, const BatchNormPiece& piece) {
    HWY_DYNAMIC_DISPATCH(apply)
    (piece, scale.data(), shift.data(), x + at, residual == nullptr ? nullptr : residual + at, y + at);
  });
}

void batch_norm_backward(const BatchNormShape& shape, const float* weight, const BatchStatistics& batch,
                         const float* y, float* gradient, float* x, float* weight_gradient,
                         float* bias_gradient) {
  check(shape);
  const auto totals = sums(shape, [&](std::size_t at, const BatchNormPiece& piece, double* own) {
    HWY_DYNAMIC_DISPATCH(sum_gradient)
    (piece, batch.mean, x + at, shape.relu ? y + at : nullptr, gradient + at, own);
  });
  const auto count = static_cast<double>(shape.rows);
  AlignedVector<float> a(shape.channels), b(shape.channels), c(shape.channels);
  for (std::size_t i = 0; i < shape.channels; ++i) {
    const auto inverse = static_cast<double>(batch.inverse_deviation[i]);
    const double sum = totals[i], product = totals[shape.channels + i] * inverse;  // with normalized x
    bias_gradient[i] = static_cast<float>(sum);
    weight_gradient[i] = static_cast<float>(product);
    const double factor = static_cast<double>(weight[i]) * inverse;
    a[i] = static_cast<float>(factor);
    b[i] = static_cast<float>(-factor * inverse * product / count);
    c[i] = static_cast<float>(-factor * sum / count);
  }
  for_each_rows(shape, [&](std::size_t, std::size_t at, const BatchNormPiece& piece) {
    HWY_DYNAMIC_DISPATCH(combine)
    (piece, a.data(), b.data(), c.data(), batch.mean, gradient + at, x + at);
  });
}

}  // namespace laser
#endif  // HWY_ONCE
