// The written-out gradients of the perceptron against LibTorch's differentiation.
#include "laser/model/perceptron.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "laser/core/error.hpp"

namespace laser {
namespace {

TEST(Perceptron, GradientsAndLossesAreThoseOfLibTorch) {
  const Perceptron model(7, {5}, 3);
  ASSERT_EQ(model.layout().size, 7 * 5 + 5 + 5 * 3 + 3);
  auto parameters = torch::empty({model.layout().size});
  model.initialise(parameters, 3);
  torch::manual_seed(1);
  const LabelledRows examples{torch::randn({4, 6, 7}), torch::randint(0, 3, {4, 6}, torch::kLong)};
  auto gradients = torch::full({4, model.layout().size + 2}, 9.0);
  auto rows = gradients.narrow(1, 0, model.layout().size);
  std::vector<double> losses(4);
  model.gradients(parameters, examples, rows, losses);
  for (std::int64_t i = 0; i < 4; ++i) {
    auto own = parameters.clone().requires_grad_(true);
    const auto part = [&](std::size_t l) {
      const auto& layer = model.layout().layers[l];
      return own.narrow(0, layer.offset, layer.size);
    };
    const auto hidden = torch::relu(torch::addmm(part(1), examples.inputs[i], part(0).view({5, 7}).t()));
    const auto loss = torch::cross_entropy_loss(torch::addmm(part(3), hidden, part(2).view({3, 5}).t()),
                                                examples.labels[i]);
    loss.backward();
    EXPECT_NEAR(losses[static_cast<std::size_t>(i)], loss.item<double>(), 1e-6);
    EXPECT_LT((rows[i] - own.grad()).abs().max().item<double>(), 1e-6);
  }
  EXPECT_EQ(gradients[2][model.layout().size].item<float>(), 9.0f) << "nothing beyond the row is written";
}

TEST(Perceptron, GradientsOfSeveralHiddenLayersAreThoseOfLibTorch) {
  const Perceptron model(7, {6, 5, 4}, 3);
  EXPECT_EQ(model.layout().layers[0].name, "hidden.1.weight");
  ASSERT_EQ(model.layout().size, 7 * 6 + 6 + 6 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3);
  auto parameters = torch::empty({model.layout().size});
  model.initialise(parameters, 3);
  torch::manual_seed(1);
  const LabelledRows examples{torch::randn({2, 6, 7}), torch::randint(0, 3, {2, 6}, torch::kLong)};
  auto gradients = torch::empty({2, model.layout().size});
  std::vector<double> losses(2);
  model.gradients(parameters, examples, gradients, losses);
  for (std::int64_t i = 0; i < 2; ++i) {
    auto own = parameters.clone().requires_grad_(true);
    auto x = examples.inputs[i];
    for (std::size_t l = 0; l < 8; l += 2) {
      const auto& weight = model.layout().layers[l];
      const auto& bias = model.layout().layers[l + 1];
      x = torch::addmm(own.narrow(0, bias.offset, bias.size), x,
                       own.narrow(0, weight.offset, weight.size).view({weight.rows, weight.columns}).t());
      if (l < 6) x = torch::relu(x);
    }
    const auto loss = torch::cross_entropy_loss(x, examples.labels[i]);
    loss.backward();
    EXPECT_NEAR(losses[static_cast<std::size_t>(i)], loss.item<double>(), 1e-6);
    EXPECT_LT((gradients[i] - own.grad()).abs().max().item<double>(), 1e-6);
  }
}

TEST(Perceptron, EvaluatesAccuracyAndLoss) {
  const Perceptron model(2, {2}, 2);
  auto parameters = torch::zeros({model.layout().size});
  // hidden = relu(x), score 0 = h0, score 1 = h1
  parameters[0] = 1;
  parameters[3] = 1;
  parameters[6] = 1;
  parameters[9] = 1;
  const LabelledRows examples{torch::tensor({{2.0f, 0.0f}, {0.0f, 2.0f}, {3.0f, 0.0f}, {0.0f, 1.0f}}),
                              torch::tensor({0, 1, 1, 1}, torch::kLong)};
  const auto evaluation = model.evaluate(parameters, examples);
  EXPECT_DOUBLE_EQ(evaluation.accuracy, 75);
  const double expected =
      (2 * std::log(1 + std::exp(-2.0)) + std::log(1 + std::exp(3.0)) + std::log(1 + std::exp(-1.0))) / 4;
  EXPECT_NEAR(evaluation.loss, expected, 1e-6);
}

}  // namespace
}  // namespace laser
