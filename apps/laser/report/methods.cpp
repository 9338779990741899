#include "laser/report/methods.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "laser/aggregate/algorithm.hpp"

namespace laser {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTasks = {{
    {"mnist", "MNIST"},
    {"mnist_mlp", "MNIST, one hidden layer"},
    {"cifar10", "CIFAR-10"},
    {"cifar100", "CIFAR-100"},
    {"wikitext2", "WikiText-2"},
    {"wikitext103", "WikiText-103"},
    {"images", "images of one's own"},
    {"tensors", "data of one's own"},
}};

}  // namespace

int method_rank(std::string_view method) {
  const auto& rows = recipes();
  return static_cast<int>(std::ranges::find(rows, method, &Recipe::name) - rows.begin());
}

bool method_before(std::string_view a, std::string_view b) {
  return std::pair(method_rank(a), a) < std::pair(method_rank(b), b);
}

std::string method_name(std::string_view method) {
  const auto rank = static_cast<std::size_t>(method_rank(method));
  return rank < recipes().size() ? recipes()[rank].label : std::string(method);
}

std::string task_name(std::string_view task) {
  for (const auto& [key, name] : kTasks) {
    if (key == task) return std::string(name);
  }
  return std::string(task);
}

std::string method_label(std::string_view method, const std::map<std::string, std::string>& axes,
                         const std::optional<double>& power) {
  std::string label = method_name(method);
  for (const auto& [key, value] : axes) label += fmt::format(", {} {}", key, value);
  if (!power) label += " (noiseless)";
  return label;
}

}  // namespace laser
