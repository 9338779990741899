#include "laser/model/resnet18.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "laser/core/error.hpp"
#include "laser/core/random.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/model/device.hpp"
#include "laser/model/shapes.hpp"

namespace laser {
namespace {

at::Tensor normals(at::IntArrayRef shape, std::uint32_t unit) {
  auto values = at::empty(shape, at::kFloat);
  fill_normal(std::span(values.data_ptr<float>(), static_cast<std::size_t>(values.numel())),
              {3, Purpose::kTest, 0, 0, unit});
  return values;
}

LabelledImages examples(std::int64_t count, std::int64_t classes = 10) {
  auto labels = at::empty({count}, at::kLong);
  for (std::int64_t i = 0; i < count; ++i) {
    labels.data_ptr<std::int64_t>()[i] = random_below({3, Purpose::kTest, 1}, static_cast<std::uint64_t>(i),
                                                      static_cast<std::uint32_t>(classes));
  }
  return {normals({count, 3, 32, 32}, 0), labels};
}

/// What the workers' step gives, at parameters away from the start (where every BatchNorm is the identity).
struct Step {
  at::Tensor parameters, buffers, gradients;
  std::vector<double> losses;
};

at::Tensor some_parameters(const ResNet18& model, at::ScalarType type) {
  auto parameters = at::empty({model.layout().size}, at::kFloat);
  model.initialise(parameters, 11);
  parameters.add_(normals({model.layout().size}, 1), 0.02);
  return parameters.to(type);
}

Step step(const ResNet18& model, std::int64_t workers, const LabelledImages& batches,
          at::ScalarType type = at::kFloat) {
  Step s;
  s.parameters = some_parameters(model, type);
  s.buffers = model.initial_buffers().to(type).repeat({workers, 1});
  s.gradients = at::full({workers, model.layout().size}, 7.0, type);  // what is there must not matter
  s.losses.resize(static_cast<std::size_t>(workers));
  model.gradients(s.parameters, {batches.images.to(type), batches.labels}, s.buffers, s.gradients, s.losses);
  return s;
}

double distance(const at::Tensor& value, const at::Tensor& expected) {
  const auto exact = expected.to(at::kDouble);
  return ((value.to(at::kDouble) - exact).norm() / exact.norm()).item().toDouble();
}

/// The same network as it is usually written, by names and for one worker, under autograd.
class Straightforward {
 public:
  Straightforward(const ResNet18& model, const at::Tensor& parameters, const at::Tensor& buffers,
                  bool training)
      : training_(training) {
    for (const auto& layer : model.layout().layers) {
      names_.push_back(layer.name);
      values_.push_back(
          parameters.narrow(0, layer.offset, layer.size).view(layer.shape).clone().requires_grad_(true));
    }
    for (const auto& layer : model.buffer_layout().layers) {
      names_.push_back(layer.name);
      values_.push_back(buffers.narrow(0, layer.offset, layer.size));
    }
  }

  at::Tensor logits(const at::Tensor& images) {
    auto x = at::relu(norm("bn1", at::conv2d(images, value("conv1.weight"), {}, 1, 1)));
    for (int stage = 1; stage <= 4; ++stage) {
      for (int number = 0; number < 2; ++number) {
        const auto name = "layer" + std::to_string(stage) + "." + std::to_string(number);
        const int stride = stage > 1 && number == 0 ? 2 : 1;
        auto y = at::relu(norm(name + ".bn1", at::conv2d(x, value(name + ".conv1.weight"), {}, stride, 1)));
        y = norm(name + ".bn2", at::conv2d(y, value(name + ".conv2.weight"), {}, 1, 1));
        if (stride == 2) {
          x = norm(name + ".shortcut.1",
                   at::conv2d(x, value(name + ".shortcut.0.weight"), {}, 2, at::IntArrayRef{0, 0}));
        }
        x = at::relu(y + x);
      }
    }
    return at::linear(at::avg_pool2d(x, 4).flatten(1), value("linear.weight"), value("linear.bias"));
  }

  /// Loss; the gradient goes to `gradient` [d].
  double backward(const LabelledImages& batch, at::Tensor& gradient) {
    const at::AutoGradMode with_grad(true);
    const auto loss = at::cross_entropy_loss(logits(batch.images), batch.labels);
    loss.backward();
    std::vector<at::Tensor> parts;
    for (const auto& tensor : values_) {
      if (tensor.requires_grad()) parts.push_back(tensor.grad().flatten());
    }
    gradient = at::cat(parts);
    return loss.item().toDouble();
  }

 private:
  const at::Tensor& value(const std::string& name) const {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == name) return values_[i];
    }
    throw std::out_of_range(name);
  }
  at::Tensor norm(const std::string& name, const at::Tensor& x) {
    return at::batch_norm(x, value(name + ".weight"), value(name + ".bias"), value(name + ".running_mean"),
                          value(name + ".running_var"), training_, 0.1, 1e-5, false);
  }

  bool training_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> values_;
};

/// Compares a step with separate runs of the straightforward network in double.
void expect_equals_autograd(const ResNet18& model, std::int64_t workers, std::int64_t n, at::ScalarType type,
                            double forward_bound, double bound) {
  const auto batches = examples(workers * n);
  const auto s = step(model, workers, batches, type);
  for (std::int64_t k = 0; k < workers; ++k) {
    auto buffers = model.initial_buffers().to(at::kDouble);
    Straightforward expected(model, s.parameters.to(at::kDouble), buffers, true);
    at::Tensor gradient;
    const LabelledImages own = {batches.images.narrow(0, k * n, n).to(at::kDouble),
                                batches.labels.narrow(0, k * n, n)};
    const double loss = expected.backward(own, gradient);
    EXPECT_NEAR(s.losses[static_cast<std::size_t>(k)], loss, forward_bound * loss);
    EXPECT_LT(distance(s.buffers[k], buffers), forward_bound);
    for (const auto& layer : model.layout().layers) {
      const auto mine = s.gradients[k].narrow(0, layer.offset, layer.size);
      EXPECT_LT(distance(mine, gradient.narrow(0, layer.offset, layer.size)), bound) << layer.name;
    }
  }
}

/// One thread unless a test says otherwise: many tests run beside each other.
class OneThread : public testing::Environment {
  void SetUp() override { at::set_num_threads(1); }
};
const auto* const kOneThread = testing::AddGlobalTestEnvironment(new OneThread);

TEST(ResNet18, HasThePapersShapes) {
  for (const auto& [classes, size] : {std::pair{10, 11'173'962}, std::pair{100, 11'220'132}}) {
    const ResNet18 model(classes);
    EXPECT_EQ(model.layout().size, size);
    EXPECT_EQ(model.layout().layers.size(), 62);
    EXPECT_EQ(model.buffer_layout().layers.size(), 40);
    EXPECT_EQ(model.buffer_layout().size, 2 * 4800);
    EXPECT_EQ(model.initial_buffers().sum().item().toDouble(), 4800);
    EXPECT_EQ(model.buffer_layout().layers[0].name, "bn1.running_mean");
    EXPECT_EQ(model.buffer_layout().layers[39].name, "layer4.1.bn2.running_var");
  }
  EXPECT_EQ(ResNet18(10, 16).layout().size, 701'466);
  EXPECT_THROW(ResNet18(10, 0), Error);
  EXPECT_THROW(ResNet18(0, 16), Error);
}

TEST(ResNet18, StartsUniformByFanIn) {
  const ResNet18 model(10, 16);
  auto parameters = at::empty({model.layout().size}, at::kFloat), same = parameters.clone(),
       other = parameters.clone();
  model.initialise(parameters, 5);
  model.initialise(same, 5);
  model.initialise(other, 6);
  EXPECT_TRUE(parameters.equal(same));
  for (const auto& layer : model.layout().layers) {
    const auto values = parameters.narrow(0, layer.offset, layer.size);
    if (!layer.is_matrix() && layer.name != "linear.bias") {
      EXPECT_TRUE(values.eq(layer.name.ends_with(".weight") ? 1 : 0).all().item().toBool()) << layer.name;
      continue;
    }
    EXPECT_FALSE(values.equal(other.narrow(0, layer.offset, layer.size)));
    const double bound =
        1 / std::sqrt(static_cast<double>(layer.name == "linear.bias" ? 128 : layer.columns));
    EXPECT_LE(values.abs().max().item().toDouble(), bound) << layer.name;
    if (layer.size < 400) continue;
    // The mean square of n uniform numbers is bound^2 / 3 (1 +- 0.9 / sqrt(n)): five deviations.
    const double ratio = values.pow(2).mean().item().toDouble() * 3 / (bound * bound);
    EXPECT_NEAR(ratio, 1, 5 * 0.9 / std::sqrt(static_cast<double>(layer.size))) << layer.name;
  }
}

TEST(ResNet18, EqualsAutogradInDouble) {
  for (const bool channels_last : {false, true}) {
    expect_equals_autograd(ResNet18(10, 4, {.channels_last = channels_last}), 3, 2, at::kDouble, 1e-12,
                           1e-10);
  }
}

TEST(ResNet18, EqualsAutogradInFloat) {
  for (const bool channels_last : {false, true}) {
    // A ReLU whose input is near 0 may go the other way than in double, so gradients differ by more than
    // rounding. Groups of 2 workers, 1 at the end; a batch of odd size; a single worker.
    const ResNet18Options options = {.channels_last = channels_last};
    expect_equals_autograd(ResNet18(10, 8, options), 5, 8, at::kFloat, 1e-5, 5e-3);
    expect_equals_autograd(ResNet18(10, 8, options), 2, 5, at::kFloat, 1e-5, 5e-3);
    expect_equals_autograd(ResNet18(10, 8, options), 1, 37, at::kFloat, 1e-5, 5e-3);
  }
}

TEST(ResNet18, ASingleGroupUsesAllThreads) {
  at::set_num_threads(2);
  expect_equals_autograd(ResNet18(10, 8), 2, 5, at::kFloat, 1e-5, 5e-3);
  const auto batches = examples(5);
  const auto s = step(ResNet18(10, 8), 1, batches), again = step(ResNet18(10, 8), 1, batches);
  EXPECT_TRUE(s.gradients.equal(again.gradients));
  at::set_num_threads(1);
}

TEST(ResNet18, GradientIsTheSlopeOfTheLoss) {
  const ResNet18 model(10, 4);
  const auto batch = examples(4);
  const auto s = step(model, 1, batch, at::kDouble);
  const auto direction = s.gradients[0] / s.gradients[0].norm();
  const auto loss_at = [&](double distance_from_there) {
    auto buffers = s.buffers.clone(), gradients = at::empty_like(s.gradients);
    std::vector<double> loss(1);
    model.gradients(s.parameters + distance_from_there * direction,
                    {batch.images.to(at::kDouble), batch.labels}, buffers, gradients, loss);
    return loss[0];
  };
  constexpr double kStep = 1e-6;
  const double slope = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
  const double norm = s.gradients[0].norm().item().toDouble();
  EXPECT_NEAR(slope / norm, 1, 1e-5);  // ReLUs change sides within a step
}

TEST(ResNet18, AWorkerDoesNotDependOnTheOthers) {
  const ResNet18 model(10, 8);
  const auto batches = examples(5 * 6);
  const auto together = step(model, 5, batches);
  for (std::int64_t k = 0; k < 5; ++k) {
    const auto alone =
        step(model, 1, {batches.images.narrow(0, 6 * k, 6), batches.labels.narrow(0, 6 * k, 6)});
    EXPECT_LT(distance(alone.gradients[0], together.gradients[k]), 1e-5);
    EXPECT_LT(distance(alone.buffers[0], together.buffers[k]), 1e-6);
    if (k > 0) {
      EXPECT_GT(distance(together.buffers[0], together.buffers[k]), 1e-3);
    }
  }
}

TEST(ResNet18, WorkersMayHaveModelsOfTheirOwn) {
  const ResNet18 model(10, 8);
  const auto batches = examples(3 * 6);
  const auto common = step(model, 3, batches);
  auto models = common.parameters.repeat({3, 1});
  models[1] *= 1.1;
  auto buffers = model.initial_buffers().repeat({3, 1}), gradients = at::empty_like(common.gradients);
  std::vector<double> losses(3);
  model.gradients(models, batches, buffers, gradients, losses);
  for (const std::int64_t k : {0, 2}) {
    EXPECT_LT(distance(gradients[k], common.gradients[k]), 1e-5);
    EXPECT_LT(distance(buffers[k], common.buffers[k]), 1e-6);
    EXPECT_NEAR(losses[static_cast<std::size_t>(k)], common.losses[static_cast<std::size_t>(k)], 1e-5);
  }
  auto own_buffers = model.initial_buffers().repeat({1, 1}), own = at::empty_like(gradients.narrow(0, 0, 1));
  std::vector<double> loss(1);
  model.gradients(models[1].contiguous(), {batches.images.narrow(0, 6, 6), batches.labels.narrow(0, 6, 6)},
                  own_buffers, own, loss);
  EXPECT_LT(distance(gradients[1], own[0]), 1e-5);
  EXPECT_GT(distance(gradients[1], common.gradients[1]), 1e-3);
}

TEST(ResNet18, SameBitsForEveryNumberOfThreads) {
  const auto batches = examples(6 * 16);
  const ResNet18 model(10, 8);
  const auto expected = step(model, 6, batches);
  const auto score = model.evaluate(expected.parameters, expected.buffers[0], batches, 20);
  for (const int count : {2, 3, 2}) {
    at::set_num_threads(count);
    const auto s = step(model, 6, batches);
    EXPECT_TRUE(s.gradients.equal(expected.gradients));
    EXPECT_TRUE(s.buffers.equal(expected.buffers));
    EXPECT_EQ(s.losses, expected.losses);
    EXPECT_EQ(model.evaluate(s.parameters, s.buffers[0], batches, 20).loss, score.loss);
    EXPECT_EQ(at::get_num_threads(), count);
  }
  at::set_num_threads(1);
}

TEST(ResNet18, MemoryFormatIsRoundingOnly) {
  const auto batches = examples(2 * 8);
  const auto last = step(ResNet18(10, 16), 2, batches);
  const ResNet18 other(10, 16, {.channels_last = false});
  const auto contiguous = step(other, 2, batches);
  // In float a rounding error may move one activation to the other side of a ReLU, which is no longer small;
  // which one depends on the processor. In double none lies so close to 0.
  EXPECT_LT(distance(last.gradients, contiguous.gradients), 5e-3);
  EXPECT_LT(distance(last.buffers, contiguous.buffers), 1e-5);
  EXPECT_LT(distance(step(ResNet18(10, 16), 2, batches, at::kDouble).gradients,
                     step(other, 2, batches, at::kDouble).gradients),
            1e-12);
  // Images may come in either format.
  const auto converted =
      step(ResNet18(10, 16), 2, {batches.images.contiguous(at::MemoryFormat::ChannelsLast), batches.labels});
  EXPECT_TRUE(converted.gradients.equal(last.gradients));
}

TEST(ResNet18, Bfloat16StaysClose) {
  const auto batches = examples(2 * 8);
  for (const bool channels_last : {false, true}) {
    const auto exact = step(ResNet18(10, 16), 2, batches);
    const auto rounded =
        step(ResNet18(10, 16, {.channels_last = channels_last, .bfloat16 = true}), 2, batches);
    EXPECT_EQ(rounded.gradients.scalar_type(), at::kFloat);
    // The option must show, and no more than PyTorch's autocast shows at this size: 0.31 to 0.32 there.
    EXPECT_GT(distance(rounded.gradients, exact.gradients), 1e-3);
    EXPECT_LT(distance(rounded.gradients, exact.gradients), 0.35);
    EXPECT_LT(distance(rounded.buffers, exact.buffers), 0.02);
    EXPECT_NEAR(rounded.losses[1], exact.losses[1], 0.02 * exact.losses[1]);
    const auto score =
        ResNet18(10, 16, {.bfloat16 = true}).evaluate(exact.parameters, exact.buffers[0], batches);
    EXPECT_NEAR(score.loss, ResNet18(10, 16).evaluate(exact.parameters, exact.buffers[0], batches).loss,
                0.02 * score.loss);
  }
}

TEST(ResNet18, EvaluatesWithRunningStatistics) {
  for (const bool channels_last : {false, true}) {
    const ResNet18 model(100, 8, {.channels_last = channels_last});
    const auto set = examples(70, 100);
    const auto s = step(model, 2, set);  // moves the statistics
    auto labels = set.labels.clone();
    const auto buffers = s.buffers.to(at::kDouble);
    for (const std::int64_t k : {0, 1}) {
      const auto before = s.buffers.clone();
      Straightforward expected(model, s.parameters.to(at::kDouble), buffers[k].clone(), false);
      const auto logits = expected.logits(set.images.to(at::kDouble)).detach();
      labels.narrow(0, 0, 30).copy_(logits.argmax(1).narrow(0, 0, 30));  // so that some are right
      const double loss = at::cross_entropy_loss(logits, labels).item().toDouble();
      const double right = logits.argmax(1).eq(labels).sum().item().toDouble();
      for (const std::int64_t size : {1, 32, 70, 1000}) {
        const auto score = model.evaluate(s.parameters, s.buffers[k], {set.images, labels}, size);
        EXPECT_NEAR(score.loss, loss, 1e-4 * loss);
        EXPECT_NEAR(score.accuracy, 100 * right / 70, 1e-9);
      }
      EXPECT_TRUE(s.buffers.equal(before));
    }
  }
}

TEST(ResNet18, LearnsAFewImagesByHeart) {
  const ResNet18 model(10, 8);
  const auto batches = examples(2 * 8);
  auto parameters = at::empty({model.layout().size}, at::kFloat);
  model.initialise(parameters, 1);
  auto buffers = model.initial_buffers().repeat({2, 1}), gradients = at::empty({2, model.layout().size});
  std::vector<double> losses(2);
  for (int t = 0; t < 60; ++t) {
    model.gradients(parameters, batches, buffers, gradients, losses);
    parameters.sub_(gradients.mean(0), 0.05);
  }
  EXPECT_LT(losses[0] + losses[1], 0.5);  // ln 10 each at the start
}

TEST(ResNet18, NonFiniteParametersShowInTheLoss) {
  const ResNet18 model(10, 8);
  const auto batches = examples(8);
  auto s = step(model, 1, batches);
  s.parameters[100] = NAN;
  model.gradients(s.parameters, batches, s.buffers, s.gradients, s.losses);
  EXPECT_TRUE(std::isnan(s.losses[0]));
}

TEST(ResNet18, RefusesWhatDoesNotFit) {
  const ResNet18 model(10, 8);
  auto s = step(model, 2, examples(8));
  EXPECT_THROW(model.gradients(s.parameters, examples(7), s.buffers, s.gradients, s.losses),
               std::logic_error);
  EXPECT_THROW(model.gradients(s.parameters.narrow(0, 1, 100), examples(8), s.buffers, s.gradients, s.losses),
               std::logic_error);
  // Found by a thread of its own: the exception comes back.
  auto wrong = examples(96);
  wrong.images = wrong.images.narrow(1, 0, 2);
  EXPECT_THROW(model.gradients(s.parameters, wrong, s.buffers, s.gradients, s.losses), std::exception);
}

TEST(Device, IsFoundByName) {
  EXPECT_TRUE(find_device("cpu").is_cpu());
  EXPECT_EQ(find_device("auto").is_cuda(), at::hasCUDA());
  EXPECT_THROW((void)find_device("tpu"), Error);
  if (!at::hasCUDA()) {
    try {
      (void)find_device("cuda");
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kConfiguration);
      EXPECT_NE(std::string(error.what()).find("HINT"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace laser
