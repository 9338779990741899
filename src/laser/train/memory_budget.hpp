// What a run will hold in memory, known before it starts: a run that cannot fit is refused with the numbers
// instead of dying in its first round.
//
// Main memory only. Vectors of the model's size are counted exactly, what a model needs on the way is an
// estimate; the program itself with its data is what the process holds when it is asked (resident_memory).
// The sum is within 20 % of the peak that the kernel measures (tests/cli/test_memory.py).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "laser/train/experiment.hpp"
#include "laser/train/task.hpp"

namespace laser {

/// One kind of what is held.
struct MemoryItem {
  std::string name;
  double bytes = 0;
  std::string sentence;
};

/// Everything that counts in a process with `workers` of the workers, the largest last.
std::vector<MemoryItem> memory_budget(const Experiment& experiment, const Task& task, std::int64_t workers);

/// Sum of all items, bytes.
double total_bytes(const std::vector<MemoryItem>& items);

/// The items, one a line with its meaning, after the `held` bytes that the process has already, and the sum
/// of all beside what is free.
std::string memory_legend(const std::vector<MemoryItem>& items, double held);

/// Throws Error (configuration) with the largest items if `runs` runs of this experiment at a time need more
/// than `available` bytes.
void check_memory(const std::vector<MemoryItem>& items, std::int64_t runs, std::optional<double> available);

}  // namespace laser
