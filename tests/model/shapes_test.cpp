#include "laser/model/shapes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "laser/core/error.hpp"

namespace laser {
namespace {

std::int64_t matrices(const Layout& layout) {
  return std::ranges::count_if(layout.layers, [](const Layer& layer) { return layer.is_matrix(); });
}

std::int64_t vector_elements(const Layout& layout) {
  std::int64_t total = 0;
  for (const auto& layer : layout.layers) total += layer.is_matrix() ? 0 : layer.size;
  return total;
}

const Layer& layer_named(const Layout& layout, const std::string& name) {
  const auto found = std::ranges::find(layout.layers, name, &Layer::name);
  if (found == layout.layers.end()) throw std::runtime_error("no tensor " + name);
  return *found;
}

TEST(Shapes, ResNet18HasTheTensorsOfSpec51) {
  const auto ten = model_layout("resnet18_cifar10");
  EXPECT_EQ(ten.layers.size(), 62U);
  EXPECT_EQ(ten.size, 11173962);
  EXPECT_EQ(matrices(ten), 21);
  EXPECT_EQ(vector_elements(ten), 9610);
  EXPECT_EQ(ten.layers.front().name, "conv1.weight");
  EXPECT_EQ(ten.layers.front().columns, 27);
  EXPECT_EQ(layer_named(ten, "layer4.1.conv2.weight").shape, (Shape{512, 512, 3, 3}));
  EXPECT_EQ(layer_named(ten, "layer2.0.shortcut.0.weight").shape, (Shape{128, 64, 1, 1}));
  EXPECT_EQ(ten.layers.back().name, "linear.bias");

  const auto hundred = model_layout("resnet18_cifar100");
  EXPECT_EQ(hundred.size, 11220132);
  EXPECT_EQ(vector_elements(hundred), 9700);
}

TEST(Shapes, ResNet18OfOtherWidths) {
  const auto narrow = resnet18_layout(10, 8);
  EXPECT_EQ(narrow.layers.size(), 62U);
  EXPECT_EQ(layer_named(narrow, "layer3.0.conv1.weight").shape, (Shape{32, 16, 3, 3}));
  EXPECT_EQ(layer_named(narrow, "linear.weight").shape, (Shape{10, 64}));
}

TEST(Shapes, Gpt2HasTheTensorsOfSpec51) {
  const auto gpt = model_layout("gpt2");
  EXPECT_EQ(gpt.layers.size(), 75U);
  EXPECT_EQ(gpt.size, 123980544);
  // The paper's 123.6 M excludes the position embedding.
  EXPECT_EQ(gpt.size - layer_named(gpt, "wpe.weight").size, 123587328);
  EXPECT_EQ(layer_named(gpt, "h.11.attn.c_attn.weight").shape, (Shape{2304, 768}));
  EXPECT_EQ(layer_named(gpt, "h.0.mlp.c_proj.weight").shape, (Shape{768, 3072}));
}

TEST(Shapes, Gpt2WithBiasesIsThePublished124M) {
  // OpenAI's GPT-2 small: 50257 tokens, 1024 positions, biases everywhere:
  // 124,439,808 parameters, 148 tensors.
  const auto gpt =
      gpt2_layout({.layers = 12, .width = 768, .context = 1024, .vocabulary = 50257, .biases = true});
  EXPECT_EQ(gpt.size, 124439808);
  EXPECT_EQ(gpt.layers.size(), 148U);
}

TEST(Shapes, OneLinearLayer) {
  const auto layout = model_layout("mnist_linear");
  ASSERT_EQ(layout.layers.size(), 2U);
  EXPECT_EQ(layout.size, 7850);
  EXPECT_EQ(layout.layers[0].shape, (Shape{10, 784}));
  EXPECT_EQ(layout.layers[1].shape, (Shape{10}));
}

TEST(Shapes, NamesAreUniqueAndTensorsContiguous) {
  for (const auto name : model_names()) {
    const auto layout = model_layout(name);
    std::set<std::string> names;
    std::int64_t offset = 0;
    for (const auto& layer : layout.layers) {
      EXPECT_TRUE(names.insert(layer.name).second) << layer.name;
      EXPECT_EQ(layer.offset, offset);
      offset += layer.size;
    }
    EXPECT_EQ(layout.size, offset);
  }
}

TEST(Shapes, RefusesUnknownModelsAndSizes) {
  const auto text_of = [](auto action) -> std::string {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kConfiguration);
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(
      text_of([] { (void)model_layout("resnet50"); }),
      "unknown model 'resnet50': choose one of mnist_linear, resnet18_cifar10, resnet18_cifar100, gpt2");
  EXPECT_NE(text_of([] { (void)resnet18_layout(10, 0); }).find("every dimension must be positive"),
            std::string::npos);
  EXPECT_NE(text_of([] { (void)gpt2_layout({.layers = 0}); }).find("0 layers"), std::string::npos);
}

}  // namespace
}  // namespace laser
