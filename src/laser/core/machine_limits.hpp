// How much of the machine this process may use: processors and memory, by affinity, control groups of both
// versions with all that they are nested in, resource limits and Slurm.
//
// A container or a batch system hands out a part of a machine, and a program that counts the whole machine
// runs slower than with one thread, or is killed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace laser {

/// The control groups that a process is in.
class ControlGroups {
 public:
  /// From the content of /proc/self/cgroup and /proc/self/mountinfo.
  ControlGroups(std::string_view groups, std::string_view mounts);
  /// Of this process; none where the system has no control groups.
  static ControlGroups of_this_process();

  /// Processors by quota, the least of all levels; nothing where none limits.
  [[nodiscard]] std::optional<double> processors() const;
  /// Bytes that can still be had, the least of all levels; nothing where none limits.
  [[nodiscard]] std::optional<double> memory_left() const;

 private:
  struct Level {
    std::string folder;
    bool second_version = true;
  };
  /// The process's own group and all above it that can be seen.
  std::vector<Level> processor_levels_, memory_levels_;
};

/// Processors that this process can keep busy, at least 1.
[[nodiscard]] std::int64_t usable_cores();

/// Threads that a run takes unless it is told: what OMP_NUM_THREADS says, else usable_cores(), over
/// `processes` processes that share them (each of the tasks of Slurm has its own already).
[[nodiscard]] std::int64_t default_threads(std::int64_t processes = 1);

/// Bytes of main memory that this process holds; 0 where the system doesn't say.
[[nodiscard]] double resident_memory();

/// Bytes of main memory that this process can still get; nothing where nobody says.
[[nodiscard]] std::optional<double> available_memory();

}  // namespace laser
