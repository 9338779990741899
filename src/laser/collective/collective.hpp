// Where the workers are: the few operations by which processes that each hold some of the k workers act as
// one.
//
// The round is written once, for a list of local workers and a collective. In one process (Solo) every
// operation is the identity.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace laser {

class Collective {
 public:
  virtual ~Collective() = default;
  /// Number of workers in all processes together, k.
  [[nodiscard]] virtual std::int64_t workers() const = 0;
  /// Index of this process's first worker; its workers are consecutive.
  [[nodiscard]] virtual std::int64_t first_worker() const = 0;
  /// Adds `values` over the processes, in rank order, in place.
  virtual void sum(at::Tensor& values) = 0;
  /// Concatenates the rows of every process's local workers: [K, B] row-major in, [k, B] out.
  virtual std::vector<double> gather_rows(std::vector<double> local, std::int64_t columns) = 0;
};

/// One process that holds all k workers.
class Solo final : public Collective {
 public:
  explicit Solo(std::int64_t workers) : workers_(workers) {}
  [[nodiscard]] std::int64_t workers() const override { return workers_; }
  [[nodiscard]] std::int64_t first_worker() const override { return 0; }
  void sum(at::Tensor&) override {}
  std::vector<double> gather_rows(std::vector<double> local, std::int64_t) override { return local; }

 private:
  std::int64_t workers_;
};

}  // namespace laser
