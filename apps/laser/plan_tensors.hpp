// Which tensors of a safetensors file are parameters: those that a worker has gradients of, and sends.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "laser/core/layout.hpp"

namespace laser {

struct PlannedTensors {
  Layout layout;                                              // in the order of the data
  std::vector<std::pair<std::string, std::string>> left_out;  // name, and why it is no parameter
};

struct PlanFilter {
  bool all = false;               // count everything that is made of real numbers
  std::vector<std::string> skip;  // and leave out what has one of these in its name
};

/// Names and shapes of the parameters in a file. Left out are whole numbers, running statistics, masks, fixed
/// tables, averages and optimizer states, and a second copy of a tensor (a tied head). Throws Error (data) if
/// the file can't be read or nothing is left.
PlannedTensors read_parameters(const std::string& path, const PlanFilter& filter);

/// Those of a model by name (model_layout; "resnet18" is the one of CIFAR-10) or of a .safetensors file.
/// Throws Error likewise, and (configuration) with the names.
PlannedTensors planned_tensors(const std::string& model, const PlanFilter& filter);

}  // namespace laser
