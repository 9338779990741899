#include "laser/model/shapes.hpp"

#include <fmt/ranges.h>

#include <string>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

void add_convolution(Layout& layout, const std::string& name, std::int64_t outputs, std::int64_t inputs,
                     std::int64_t kernel) {
  layout.add(name + ".weight", {outputs, inputs, kernel, kernel});
}

void add_batch_norm(Layout& layout, const std::string& name, std::int64_t channels) {
  layout.add(name + ".weight", {channels});
  layout.add(name + ".bias", {channels});
}

void add_basic_block(Layout& layout, const std::string& name, std::int64_t inputs, std::int64_t outputs,
                     bool shortcut) {
  add_convolution(layout, name + ".conv1", outputs, inputs, 3);
  add_batch_norm(layout, name + ".bn1", outputs);
  add_convolution(layout, name + ".conv2", outputs, outputs, 3);
  add_batch_norm(layout, name + ".bn2", outputs);
  if (shortcut) {
    add_convolution(layout, name + ".shortcut.0", outputs, inputs, 1);
    add_batch_norm(layout, name + ".shortcut.1", outputs);
  }
}

}  // namespace

std::vector<std::string_view> model_names() {
  return {"mnist_linear", "resnet18_cifar10", "resnet18_cifar100", "gpt2"};
}

Layout model_layout(std::string_view name) {
  if (name == "mnist_linear") return linear_layout();
  if (name == "resnet18_cifar10") return resnet18_layout(10);
  if (name == "resnet18_cifar100") return resnet18_layout(100);
  if (name == "gpt2") return gpt2_layout();
  fail(ExitCode::kConfiguration, "unknown model '{}': choose one of {}", name,
       fmt::join(model_names(), ", "));
}

Layout linear_layout(std::int64_t inputs, std::int64_t outputs) {
  Layout layout;
  layout.add("linear.weight", {outputs, inputs});
  layout.add("linear.bias", {outputs});
  return layout;
}

Layout resnet18_layout(std::int64_t classes, std::int64_t width) {
  Layout layout;
  add_convolution(layout, "conv1", width, 3, 3);
  add_batch_norm(layout, "bn1", width);
  std::int64_t inputs = width;
  for (int stage = 1; stage <= 4; ++stage) {
    const std::int64_t outputs = width << (stage - 1);
    for (int block = 0; block < 2; ++block) {
      add_basic_block(layout, fmt::format("layer{}.{}", stage, block), inputs, outputs,
                      stage > 1 && block == 0);
      inputs = outputs;
    }
  }
  layout.add("linear.weight", {classes, inputs});
  layout.add("linear.bias", {classes});
  return layout;
}

Layout gpt2_layout(const Gpt2Size& size) {
  if (size.layers < 1)
    fail(ExitCode::kConfiguration, "GPT-2 with {} layers: at least 1 is needed", size.layers);
  Layout layout;
  const auto add = [&](const std::string& name, const Shape& shape) {
    layout.add(name + ".weight", shape);
    if (size.biases) layout.add(name + ".bias", {shape.front()});
  };
  layout.add("wte.weight", {size.vocabulary, size.width});
  layout.add("wpe.weight", {size.context, size.width});
  for (std::int64_t block = 0; block < size.layers; ++block) {
    const auto prefix = fmt::format("h.{}.", block);
    add(prefix + "ln_1", {size.width});
    add(prefix + "attn.c_attn", {3 * size.width, size.width});
    add(prefix + "attn.c_proj", {size.width, size.width});
    add(prefix + "ln_2", {size.width});
    add(prefix + "mlp.c_fc", {4 * size.width, size.width});
    add(prefix + "mlp.c_proj", {size.width, 4 * size.width});
  }
  add("ln_f", {size.width});
  return layout;
}

}  // namespace laser
