// How training went inside: loss, noise over signal, quality of the compression, memory and energy of every
// method over the epochs. From records; what the quantities mean is in record/schema.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "laser/report/grouping.hpp"
#include "laser/report/table.hpp"

namespace laser {

/// One method at one power: means over the seeds after every epoch that all of them have.
struct Diagnosis {
  std::string method, label;
  std::optional<double> power;
  std::vector<std::int64_t> epochs;
  /// By the keys of `diagnosed()`: a value an epoch, NaN where a record has none; without what no record has.
  std::map<std::string, std::vector<double>> series;
};

/// What is shown: its key in JSON, and what it is.
struct Diagnosed {
  const char* key;
  const char* title;
};
const std::vector<Diagnosed>& diagnosed();

std::vector<Diagnosis> diagnoses_of(const std::vector<Group>& groups);

/// The values after the last epoch, a line a method and power.
Table diagnostics_table(const std::vector<Diagnosis>& diagnoses);

/// Of one power, the middle one of those at which most methods were run, and those without noise: what one
/// figure can show.
std::vector<Diagnosis> middle_power(const std::vector<Diagnosis>& diagnoses);

}  // namespace laser
