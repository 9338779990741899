// A small table of numbers with a row for each worker: norms of groups, of tensors, energies of tensors.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace laser {

/// Numbers [workers, columns], one row a worker, in one piece.
class WorkerTable {
 public:
  WorkerTable() = default;
  /// Zeros.
  WorkerTable(std::size_t workers, std::size_t columns)
      : columns_(columns), numbers_(workers * columns, 0.0) {}
  /// Of numbers that lie row by row; at least one column.
  WorkerTable(std::vector<double> numbers, std::size_t columns)
      : columns_(columns), numbers_(std::move(numbers)) {}

  /// Rows.
  [[nodiscard]] std::size_t workers() const { return columns_ == 0 ? 0 : numbers_.size() / columns_; }
  /// Numbers of each worker.
  [[nodiscard]] std::size_t columns() const { return columns_; }
  /// A number of a worker, to write.
  [[nodiscard]] double& operator()(std::size_t worker, std::size_t column) {
    return numbers_[worker * columns_ + column];
  }
  /// A number of a worker.
  [[nodiscard]] double operator()(std::size_t worker, std::size_t column) const {
    return numbers_[worker * columns_ + column];
  }
  /// [columns] of one worker.
  [[nodiscard]] std::span<const double> row(std::size_t worker) const {
    return std::span(numbers_).subspan(worker * columns_, columns_);
  }
  /// [workers] of one column.
  [[nodiscard]] std::vector<double> column(std::size_t column) const {
    std::vector<double> result(workers());
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = (*this)(i, column);
    return result;
  }
  /// Columns first .. first + count - 1, as a table.
  [[nodiscard]] WorkerTable part(std::size_t first, std::size_t count) const {
    WorkerTable result(workers(), count);
    for (std::size_t i = 0; i < workers(); ++i) {
      for (std::size_t c = 0; c < count; ++c) result(i, c) = (*this)(i, first + c);
    }
    return result;
  }
  /// Puts the columns of another table of as many workers here, from `first` on.
  void put(std::size_t first, const WorkerTable& other) {
    for (std::size_t i = 0; i < other.workers(); ++i) {
      for (std::size_t c = 0; c < other.columns(); ++c) (*this)(i, first + c) = other(i, c);
    }
  }
  /// All numbers, row by row.
  [[nodiscard]] const std::vector<double>& numbers() const { return numbers_; }

 private:
  std::size_t columns_ = 0;
  std::vector<double> numbers_;
};

}  // namespace laser
