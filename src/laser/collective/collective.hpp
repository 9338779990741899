// Where the workers are: the few operations by which processes that each hold some of the k
// workers act as one.
//
// The round is written once, for a list of local workers and a collective. In one process (Solo) every
// operation is the identity. Every process calls the same operations in the same order; one that fails
// elsewhere ends the others, it is not waited for.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace laser {

/// Where the workers are: which of them are here, and how processes bring numbers together. Every call is
/// made by all processes, in the same order.
class Collective {
 public:
  virtual ~Collective() = default;
  /// Number of workers in all processes together, k.
  [[nodiscard]] virtual std::int64_t workers() const = 0;
  /// Index of this process's first worker; its workers are consecutive.
  [[nodiscard]] virtual std::int64_t first_worker() const = 0;
  /// Number of this process's workers, K.
  [[nodiscard]] virtual std::int64_t local_workers() const = 0;
  /// Adds every tensor over the processes, in rank order, in place; all of them in one exchange.
  virtual void sum(std::span<at::Tensor> values) = 0;
  /// Concatenates the rows of every process's local workers: [K, B] row-major in, [k, B] out.
  virtual std::vector<double> gather_rows(std::vector<double> local, std::int64_t columns) = 0;

  /// Whether this process holds worker 0: it evaluates, prints and writes for all.
  [[nodiscard]] bool leads() const { return first_worker() == 0; }
};

/// One process that holds all k workers.
class Solo final : public Collective {
 public:
  explicit Solo(std::int64_t workers) : workers_(workers) {}
  [[nodiscard]] std::int64_t workers() const override { return workers_; }
  [[nodiscard]] std::int64_t first_worker() const override { return 0; }
  [[nodiscard]] std::int64_t local_workers() const override { return workers_; }
  void sum(std::span<at::Tensor>) override {}
  std::vector<double> gather_rows(std::vector<double> local, std::int64_t) override { return local; }

 private:
  std::int64_t workers_;
};

/// The largest of the processes' numbers, the same everywhere: how they come to one decision.
double largest(Collective& collective, double own);

/// The leading process's numbers, everywhere.
std::vector<double> from_leader(Collective& collective, std::vector<double> own);

/// Rows [K, ...] of every process's workers as [k, ...], the same everywhere.
at::Tensor gather(Collective& collective, const at::Tensor& rows);

/// This process's rows [K, ...] of [k, ...].
at::Tensor local_rows(const Collective& collective, const at::Tensor& rows);

}  // namespace laser
