#include "laser/report/methods.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace laser {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 23> kMethods = {{
    {"laser", "LASER"},
    {"randomk", "Random-K"},
    {"sketch", "Sketching"},
    {"zsgd", "Z-SGD"},
    {"adsgd", "A-DSGD"},
    {"signum", "Signum"},
    {"laser_matched", "LASER, matched"},
    {"laser_momentum", "LASER, worker momentum"},
    {"zsgd_matched", "Z-SGD, matched"},
    {"zsgd_momentum", "Z-SGD, worker momentum"},
    {"zsgd_adaptive", "Z-SGD, adaptive step"},
    {"digital_powersgd", "digital PowerSGD"},
    {"digital_qsgd", "digital QSGD"},
    {"ddsgd", "D-DSGD"},
    {"swept", "Swept averages"},
    {"otalc", "Ota-LC"},
    {"obda", "OBDA"},
    {"efobda", "EFOBDA"},
    {"agetopk", "AgeTop-k"},
    {"reed", "REED"},
    {"adsgd_pilot", "A-DSGD, own format"},
    {"signum_momentum", "Signum, worker momentum"},
    {"sgd", "SGD"},
}};

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
  int rank = 0;
  while (rank < static_cast<int>(kMethods.size()) && kMethods[static_cast<std::size_t>(rank)].first != method)
    ++rank;
  return rank;
}

bool method_before(std::string_view a, std::string_view b) {
  return std::pair(method_rank(a), a) < std::pair(method_rank(b), b);
}

std::string method_name(std::string_view method) {
  const auto rank = static_cast<std::size_t>(method_rank(method));
  return std::string(rank < kMethods.size() ? kMethods[rank].second : method);
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
