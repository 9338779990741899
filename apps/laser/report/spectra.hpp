// Share of the gradients' energy in their largest singular values over the epochs, by tensor (Figure 6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "laser/report/grouping.hpp"
#include "laser/report/table.hpp"

namespace laser {

/// Of one tensor in the runs of one row.
struct Spectrum {
  std::string label;  // of the row
  std::string tensor;
  std::int64_t rank = 0;             // singular values that count
  std::vector<std::int64_t> epochs;  // those that all seeds have
  std::vector<double> mean;          // over the seeds, 0 .. 1
  std::vector<std::optional<double>> std;
  std::vector<std::optional<double>> interval;  // half of the 95 % interval of the mean
  std::vector<std::int64_t> paper_epochs;       // the paper's values where its figure has the tensor
  std::vector<double> paper;
};

/// Of all tensors of all groups, in the order of the model's tensors; empty where no run recorded any.
std::vector<Spectrum> spectra_of(const std::vector<Group>& groups);

/// A line a tensor over at most six epochs, the paper's values below those that its figure has.
/// `spectra` is not empty.
Table spectra_table(const std::vector<Spectrum>& spectra);

}  // namespace laser
