#include "laser/compress/lag.hpp"

#include "laser/core/arguments.hpp"

namespace laser {

double error_memory_lag(std::int64_t rows, std::int64_t columns, std::int64_t rank, FactorsPerRound factors) {
  require_rank(rank, rows, columns);
  const double of_rows = static_cast<double>(rank) / static_cast<double>(rows);
  const double of_columns = static_cast<double>(rank) / static_cast<double>(columns);
  if (factors == FactorsPerRound::one) return 2 / (of_rows + of_columns);
  // 1 - (1 - a)(1 - b) without cancellation.
  return 1 / (of_rows + of_columns - of_rows * of_columns);
}

double error_memory_lag(const Layout& layout, std::int64_t rank, FactorsPerRound factors) {
  const Layer* largest = nullptr;
  for (const auto& layer : layout.layers) {
    if (compression_saves(layer, rank) && (largest == nullptr || layer.size > largest->size))
      largest = &layer;
  }
  if (largest == nullptr) return 0;
  return error_memory_lag(largest->rows, largest->columns, effective_rank(*largest, rank), factors);
}

}  // namespace laser
