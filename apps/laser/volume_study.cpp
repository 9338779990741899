// laser reproduce table5: the data that a worker sends in an iteration of the paper's GPT-2, the paper's row
// beside the exact one. Computed, not trained.
#include <fmt/format.h>

#include "laser/model/shapes.hpp"
#include "laser/theory/volume.hpp"
#include "studies.hpp"
#include "theory_table.hpp"

namespace laser {
namespace {

using theory::VolumeScheme;

/// A row of the paper's table; 0: it has none.
struct Printed {
  const char* label;
  std::vector<VolumeScheme> schemes;  // averaged: those of even and odd rounds
  double megabytes;
  double ratio;
};

const std::vector<Printed>& printed() {
  static const std::vector<Printed> rows{
      {"Z-SGD", {VolumeScheme::zsgd}, 496, 1},
      {"Signum", {VolumeScheme::signum}, 15, 33},
      {"Random-K", {VolumeScheme::randomk}, 99, 5},
      {"Sketching", {VolumeScheme::sketch}, 99, 5},
      {"LASER, both factors", {VolumeScheme::laser_two_phase}, 3, 165},
      {"LASER, alternating", {VolumeScheme::laser_alt_even, VolumeScheme::laser_alt_odd}, 0, 0},
  };
  return rows;
}

}  // namespace

void print_volume_study(bool json) {
  const auto layout = gpt2_layout();
  ValueTable table{
      fmt::format("Data per worker and iteration, GPT-2 with {} parameters (Table 5)", layout.size),
      {"method", "floats", "megabytes", "ratio", "paper_megabytes", "paper_ratio"},
      {},
      {"Rank 4, compression factor 0.2; 4 bytes a float, Signum 1 bit a sign; norms are not counted.",
       "LASER, alternating: mean of even and odd rounds, which send one factor each. The paper's scripts do "
       "that; its "
       "table counts both factors, and its 165x is 496 / 3."}};
  const auto or_none = [](double value) { return value > 0 ? ValueCell(value) : ValueCell(); };
  for (const auto& row : printed()) {
    double symbols = 0, bytes = 0;
    for (const auto scheme : row.schemes) {
      const auto volume = theory::data_volume(layout, scheme, {});
      symbols += static_cast<double>(volume.symbols) / static_cast<double>(row.schemes.size());
      bytes += static_cast<double>(volume.bytes) / static_cast<double>(row.schemes.size());
    }
    table.rows.push_back({row.label, symbols, bytes / 1e6, 4.0 * static_cast<double>(layout.size) / bytes,
                          or_none(row.megabytes), or_none(row.ratio)});
  }
  table.print(json);
}

}  // namespace laser
