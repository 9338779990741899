#include "laser/model/one_layer.hpp"

#include <algorithm>
#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/core/random.hpp"
#include "laser/kernels/softmax_regression.hpp"
#include "laser/model/shapes.hpp"

namespace laser {

OneLayer::OneLayer(std::int64_t pixels, std::int64_t classes, double mean, double std)
    : pixels_(pixels),
      classes_(classes),
      shift_(static_cast<float>(mean / std)),
      values_{},
      weights_(static_cast<std::size_t>(pixels) * kLanes, 0.0f),
      bias_{},
      layout_(linear_layout(pixels, classes)) {
  LASER_CHECK(classes <= static_cast<std::int64_t>(kLanes));
  for (std::size_t v = 0; v < values_.size(); ++v) {
    values_[v] = static_cast<float>(static_cast<double>(v) / (255.0 * std));
  }
}

void OneLayer::initialise(std::span<float> parameters, std::uint64_t seed) const {
  const double bound = 1.0 / std::sqrt(static_cast<double>(pixels_));
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const auto& layer = layout_.layers[l];
    const StreamKey key{seed, Purpose::kInitialWeights, 0, static_cast<std::uint32_t>(l), 0};
    for (std::int64_t j = 0; j < layer.size; ++j) {
      const double uniform = random_uniform(key, static_cast<std::uint64_t>(j));
      parameters[static_cast<std::size_t>(layer.offset + j)] = static_cast<float>(bound * (2 * uniform - 1));
    }
  }
}

void OneLayer::load(std::span<const float> parameters) {
  const auto pixels = static_cast<std::size_t>(pixels_);
  for (std::size_t c = 0; c < static_cast<std::size_t>(classes_); ++c) {
    double sum = 0;
    for (std::size_t p = 0; p < pixels; ++p) {
      const float weight = parameters[c * pixels + p];
      weights_[p * kLanes + c] = weight;
      sum += static_cast<double>(weight);
    }
    const double bias =
        static_cast<double>(parameters[static_cast<std::size_t>(layout_.layers[1].offset) + c]);
    bias_[c] = static_cast<float>(bias - static_cast<double>(shift_) * sum);
  }
}

double OneLayer::gradient(const SparseRows& rows, std::span<const std::uint8_t> labels,
                          std::span<const std::int32_t> ids, std::span<float> gradient,
                          OneLayerScratch& scratch) const {
  scratch.gradient.assign(weights_.size(), 0.0f);
  std::array<float, kLanes> bias_gradient{};
  const auto count = static_cast<double>(ids.size());
  const double loss = softmax_regression_gradient(
      rows, ids, labels, static_cast<int>(classes_), weights_.data(), bias_.data(), values_,
      scratch.gradient.data(), bias_gradient.data(), static_cast<float>(1.0 / count));
  const auto pixels = static_cast<std::size_t>(pixels_), classes = static_cast<std::size_t>(classes_);
  std::array<float, kLanes> shift{};  // every pixel's share of the constant -mean / std
  for (std::size_t c = 0; c < classes; ++c) {
    shift[c] = shift_ * bias_gradient[c];
    gradient[static_cast<std::size_t>(layout_.layers[1].offset) + c] = bias_gradient[c];
  }
  for (std::size_t p = 0; p < pixels; ++p) {
    const float* row = scratch.gradient.data() + p * kLanes;
    for (std::size_t c = 0; c < classes; ++c) gradient[c * pixels + p] = row[c] - shift[c];
  }
  return loss / count;
}

Evaluation OneLayer::evaluate(const SparseRows& rows, std::span<const std::uint8_t> labels) const {
  const auto count = static_cast<std::int64_t>(rows.size());
  const auto score = softmax_regression_evaluate(rows, 0, count, labels, static_cast<int>(classes_),
                                                 weights_.data(), bias_.data(), values_);
  return {100.0 * static_cast<double>(score.correct) / static_cast<double>(count),
          score.loss / static_cast<double>(count)};
}

}  // namespace laser
