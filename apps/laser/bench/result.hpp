// What `laser bench` measured, as rows and as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace laser::bench {

/// One case: our time beside the time of a floor and of peers, taken in alternation.
struct Row {
  std::string name;   // "round_laser_alternating"
  std::string group;  // "kernel" | "round" | "growth"
  std::string model;  // of gradient_set.hpp
  std::int64_t workers = 1;
  std::int64_t rank = 4;
  std::int64_t parameters = 0;  // d of one worker
  double median_seconds = 0;    // for all workers together
  double spread = 0;            // half the distance of the quartiles over the median
  std::string floor;            // what cannot be undercut
  double floor_seconds = 0;
  std::string peer;  // empty: there is none
  double peer_seconds = 0;
  std::optional<double> hook_seconds;     // of PyTorch's powerSGD_hook, through Python
  std::optional<double> peak_extra_sets;  // most memory that rounds add, in gradient sets of all workers
  [[nodiscard]] double floor_ratio() const { return median_seconds / floor_seconds; }
  /// How many times longer the peer takes.
  [[nodiscard]] double peer_ratio() const { return peer_seconds / median_seconds; }
};

struct Result {
  std::vector<Row> rows;
  std::map<std::string, std::string> machine;  // processor, SIMD level, threads, versions
  std::vector<std::string> notes;              // what could not be measured, and why
  double seconds = 0;                          // all together
};

/// {"machine": {...}, "rows": [{"case", "model", "workers", "median_seconds", "floor_ratio", "peer_ratio",
/// ...}], "notes": [...]}; what was not measured is null.
std::string to_json(const Result& result);

}  // namespace laser::bench
