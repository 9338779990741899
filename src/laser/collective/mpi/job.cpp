// The only file that includes <mpi.h>, where there is one (LASER_MPI).
#include "laser/collective/mpi/job.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "laser/core/fail.hpp"

#ifdef LASER_MPI
// The C++ bindings of old, which need another library.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>
#endif

namespace laser {

Launcher find_launcher() {
  struct Entry {
    const char* size;     // how many it started
    const char* witness;  // a variable that it sets as well; nullptr: none is needed
    const char* name;
  };
  // The nearest first: Open MPI's daemons on several machines are themselves tasks of Slurm.
  constexpr Entry kLaunchers[] = {
      {"OMPI_COMM_WORLD_SIZE", nullptr, "mpirun"},        // Open MPI
      {"PMI_SIZE", nullptr, "mpirun"},                    // MPICH and its relatives, srun --mpi=pmi2
      {"MV2_COMM_WORLD_SIZE", nullptr, "mpirun"},         // MVAPICH
      {"MPI_LOCALNRANKS", nullptr, "mpirun"},             // Intel MPI: of this machine
      {"PALS_LOCAL_SIZE", "PALS_RANKID", "mpiexec"},      // Cray: of this machine
      {"JSM_NAMESPACE_SIZE", nullptr, "jsrun"},           // IBM
      {"FLUX_JOB_SIZE", "FLUX_TASK_RANK", "flux run"},    // Flux
      {"WORLD_SIZE", "TORCHELASTIC_RUN_ID", "torchrun"},  // PyTorch
      {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "srun"},   // a script of sbatch is no step
      {"SLURM_NTASKS", "SLURM_STEP_ID", "srun"},
  };
  for (const auto& entry : kLaunchers) {
    const char* value = std::getenv(entry.size);
    if (value == nullptr || (entry.witness != nullptr && std::getenv(entry.witness) == nullptr)) continue;
    return {entry.name, std::max<std::int64_t>(1, std::strtoll(value, nullptr, 10))};
  }
  return {};
}

bool started_by_mpi() { return find_launcher().processes > 1; }

#ifdef LASER_MPI
namespace {

int count_of(std::int64_t numbers) {
  LASER_CHECK(numbers <= INT32_MAX);  // MPI counts in int
  return static_cast<int>(numbers);
}

/// Cuts n things into as many shares as there are ranks, as equal as they can be.
struct Shares {
  std::int64_t n = 0, ranks = 1;
  [[nodiscard]] std::int64_t first(std::int64_t rank) const { return rank * n / ranks; }
  [[nodiscard]] std::int64_t size(std::int64_t rank) const { return first(rank + 1) - first(rank); }
};

class MpiShare final : public Collective {
 public:
  MpiShare(std::int64_t workers, std::int64_t rank, std::int64_t ranks)
      : workers_{workers, ranks}, rank_(rank) {}

  [[nodiscard]] std::int64_t workers() const override { return workers_.n; }
  [[nodiscard]] std::int64_t first_worker() const override { return workers_.first(rank_); }
  [[nodiscard]] std::int64_t local_workers() const override { return workers_.size(rank_); }

  void sum(std::span<at::Tensor> values) override {
    // One flat message a type: most tensors are small, and every exchange waits for the slowest rank.
    for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
      std::vector<at::Tensor> parts;
      for (const auto& value : values) {
        LASER_CHECK(value.device().is_cpu());
        if (value.scalar_type() == type) parts.push_back(value.reshape({-1}));
      }
      if (parts.empty()) continue;
      auto flat = parts.size() == 1 ? parts[0].contiguous() : at::cat(parts);
      for (std::int64_t at = 0; at < flat.numel(); at += kPiece) {
        auto piece = flat.narrow(0, at, std::min(kPiece, flat.numel() - at));
        sum_in_rank_order(piece);
      }
      std::int64_t at = 0;
      for (auto& value : values) {
        if (value.scalar_type() != type) continue;
        value.copy_(flat.narrow(0, at, value.numel()).view(value.sizes()));
        at += value.numel();
      }
    }
  }

  std::vector<double> gather_rows(std::vector<double> local, std::int64_t columns) override {
    std::vector<int> counts, offsets;
    for (std::int64_t r = 0; r < workers_.ranks; ++r) {
      counts.push_back(count_of(workers_.size(r) * columns));
      offsets.push_back(count_of(workers_.first(r) * columns));
    }
    std::vector<double> all(static_cast<std::size_t>(workers_.n * columns));
    MPI_Allgatherv(local.data(), count_of(static_cast<std::int64_t>(local.size())), MPI_DOUBLE, all.data(),
                   counts.data(), offsets.data(), MPI_DOUBLE, MPI_COMM_WORLD);
    return all;
  }

 private:
  static constexpr std::int64_t kPiece = std::int64_t{1} << 26;

  /// Every rank adds up its own part of the numbers in rank order, then all share the sums.
  void sum_in_rank_order(at::Tensor& values) const {
    const Shares parts{values.numel(), workers_.ranks};
    const auto bytes = static_cast<std::int64_t>(values.element_size());
    const auto own = parts.size(rank_);
    auto heard = at::empty({workers_.ranks, own}, values.options());
    std::vector<int> sent, sent_at, heard_counts, heard_at;
    for (std::int64_t r = 0; r < workers_.ranks; ++r) {
      sent.push_back(count_of(parts.size(r) * bytes));
      sent_at.push_back(count_of(parts.first(r) * bytes));
      heard_counts.push_back(count_of(own * bytes));
      heard_at.push_back(count_of(r * own * bytes));
    }
    MPI_Alltoallv(values.data_ptr(), sent.data(), sent_at.data(), MPI_BYTE, heard.data_ptr(),
                  heard_counts.data(), heard_at.data(), MPI_BYTE, MPI_COMM_WORLD);
    auto total = heard[0].clone();
    for (std::int64_t r = 1; r < workers_.ranks; ++r) total.add_(heard[r]);
    MPI_Allgatherv(total.data_ptr(), count_of(own * bytes), MPI_BYTE, values.data_ptr(), sent.data(),
                   sent_at.data(), MPI_BYTE, MPI_COMM_WORLD);
  }

  Shares workers_;
  std::int64_t rank_;
};

class RunningMpiJob final : public MpiJob {
 public:
  RunningMpiJob() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks_);
    MPI_Comm here = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &here);
    MPI_Comm_size(here, &ranks_here_);
    MPI_Comm_free(&here);
    MPI_Comm_dup(MPI_COMM_WORLD, &aside_);
  }
  ~RunningMpiJob() override { MPI_Finalize(); }
  RunningMpiJob(const RunningMpiJob&) = delete;
  RunningMpiJob& operator=(const RunningMpiJob&) = delete;

  [[nodiscard]] std::int64_t rank() const override { return rank_; }
  [[nodiscard]] std::int64_t ranks() const override { return ranks_; }
  [[nodiscard]] std::int64_t ranks_here() const override { return ranks_here_; }

  std::unique_ptr<Collective> share(std::int64_t workers) override {
    if (workers < ranks_) {
      fail(ExitCode::kConfiguration,
           "workers = {} is fewer than the {} processes of mpirun. HINT: mpirun -n {}", workers, ranks_,
           workers);
    }
    return std::make_unique<MpiShare>(workers, rank_, ranks_);
  }

  [[nodiscard]] bool together() override {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibarrier(aside_, &request);
    for (int tries = 0; tries < 200; ++tries) {
      int done = 0;
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done != 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  [[noreturn]] void abort(int exit_code) override {
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    std::_Exit(exit_code);
  }

 private:
  int rank_ = 0, ranks_ = 1, ranks_here_ = 1;
  MPI_Comm aside_ = MPI_COMM_NULL;  // of together(): what it exchanges meets nothing of the others
};

}  // namespace

std::unique_ptr<MpiJob> connect_to_mpi() {
  auto job = std::make_unique<RunningMpiJob>();
  const auto launcher = find_launcher();
  if (job->ranks() < launcher.processes) {
    fail(ExitCode::kUsage,
         "{} started {} processes, but they do not find each other: each would train alone. HINT: start them "
         "with the mpirun of the MPI that laser was built with, or (srun) with --mpi=pmix; for one process, "
         "start laser without {}",
         launcher.name, launcher.processes, launcher.name);
  }
  return job;
}

#else

std::unique_ptr<MpiJob> connect_to_mpi() {
  fail(ExitCode::kUsage,
       "{} started {} processes, but laser was built without MPI. HINT: install libopenmpi-dev and "
       "openmpi-bin, then 'make build'",
       find_launcher().name, find_launcher().processes);
}

#endif

}  // namespace laser
