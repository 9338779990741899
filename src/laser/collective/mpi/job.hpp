// The processes of an MPI job as one: every rank holds a contiguous share of the k workers.
//
// The reduction is our own. MPI_Allreduce may add in any order; here every number is added up in rank order,
// so that a result depends on how many ranks there are and on nothing else. A rank that fails alone takes the
// job down with its exit code (abort); there is no recovery without a restart from the checkpoint. Without
// MPI at build time only `started_by_mpi` answers, and `connect` says what is missing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "laser/collective/collective.hpp"

namespace laser {

/// What started this process as one of several, by the environment.
struct Launcher {
  std::string name;            // "mpirun", "srun", ...; empty where there is none
  std::int64_t processes = 1;  // that it started, at least
};

/// Reads the environment; starts nothing.
[[nodiscard]] Launcher find_launcher();

/// Whether a launcher started this process as one of several.
[[nodiscard]] bool started_by_mpi();

/// This process's membership of an MPI job, from MPI_Init to MPI_Finalize.
class MpiJob {
 public:
  virtual ~MpiJob() = default;
  [[nodiscard]] virtual std::int64_t rank() const = 0;
  [[nodiscard]] virtual std::int64_t ranks() const = 0;
  /// Number of ranks on this machine, which share its cores.
  [[nodiscard]] virtual std::int64_t ranks_here() const = 0;
  /// k workers over the ranks, shares as equal as they can be. Throws Error (configuration) for fewer workers
  /// than ranks. The job outlives it.
  virtual std::unique_ptr<Collective> share(std::int64_t workers) = 0;
  /// Whether every rank calls this within a moment (2 s): they failed alike, none of them alone. Never waits
  /// for one that hangs in another operation.
  [[nodiscard]] virtual bool together() = 0;
  /// Ends every process of the job with this exit code.
  [[noreturn]] virtual void abort(int exit_code) = 0;
};

/// Joins the job. Throws Error (usage) where this program was built without MPI, or the job has fewer
/// processes than were started: each of them would do the whole work alone.
std::unique_ptr<MpiJob> connect_to_mpi();

}  // namespace laser
