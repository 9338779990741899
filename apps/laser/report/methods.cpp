#include "laser/report/methods.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

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

/// Those that are read beside each other first; what is not named here follows as in its table, and the
/// baseline without noise is the last.
std::vector<std::string> reading_order() {
  std::vector<std::string> order{"laser",        "randomk",       "sketch",        "zsgd",
                                 "adsgd",        "signum",        "laser_matched", "laser_momentum",
                                 "zsgd_matched", "zsgd_momentum", "zsgd_adaptive", "digital_powersgd",
                                 "digital_qsgd", "ddsgd"};
  const std::string last = "sgd";
  for (const auto& row : recipes()) {
    if (row.name != last && std::ranges::find(order, row.name) == order.end()) order.push_back(row.name);
  }
  order.push_back(last);
  return order;
}

}  // namespace

int method_rank(std::string_view method) {
  static const auto order = reading_order();
  return static_cast<int>(std::ranges::find(order, method) - order.begin());
}

bool method_before(std::string_view a, std::string_view b) {
  return std::pair(method_rank(a), a) < std::pair(method_rank(b), b);
}

std::string method_name(std::string_view method) {
  const auto row = std::ranges::find(recipes(), method, &Recipe::name);
  return row != recipes().end() ? row->label : std::string(method);
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
