#include "laser/core/machine_limits.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace laser {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The number that a file begins with; nothing if it begins with a word ("max") or is not there.
std::optional<double> number_in(const std::string& path) {
  std::ifstream file(path);
  double number = 0;
  if (file >> number) return number;
  return {};
}

/// The number after the word `name` in a file.
std::optional<double> number_after(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    double number = 0;
    if (word == name && file >> number) return number;
  }
  return {};
}

/// A whole number above 0 in the environment.
std::optional<std::int64_t> count_in_environment(const char* name) {
  const char* value = std::getenv(name);
  const auto number = value == nullptr ? 0 : std::strtoll(value, nullptr, 10);  // of "4,2" the first
  if (number < 1) return {};
  return number;
}

void lower(std::optional<double>& least, std::optional<double> value) {
  if (value) least = std::min(least.value_or(*value), *value);
}

bool has_word(std::string_view list, std::string_view word) {
  for (std::size_t at = 0; at <= list.size();) {
    const auto comma = std::min(list.find(',', at), list.size());
    if (list.substr(at, comma - at) == word) return true;
    at = comma + 1;
  }
  return false;
}

/// A mounted hierarchy of control groups: what of it is seen, and where.
struct Mount {
  std::string root, folder, options;
  bool second_version = false;
};

std::vector<Mount> mounts_in(std::string_view text) {
  std::vector<Mount> mounts;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    // "36 35 98:0 /root /folder rw - cgroup2 name options"
    std::istringstream words(line);
    std::string word;
    Mount mount;
    for (int i = 0; i < 3; ++i) words >> word;
    words >> mount.root >> mount.folder;
    while (words >> word && word != "-") {
    }
    std::string type;
    words >> type >> word >> mount.options;
    if (type != "cgroup" && type != "cgroup2") continue;
    mount.second_version = type == "cgroup2";
    mounts.push_back(mount);
  }
  return mounts;
}

}  // namespace

ControlGroups::ControlGroups(std::string_view groups, std::string_view mounts) {
  const auto mounted = mounts_in(mounts);
  std::istringstream lines{std::string(groups)};
  for (std::string line; std::getline(lines, line);) {
    // "4:cpu,cpuacct:/path", and "0::/path" of version 2
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto path = line.substr(second + 1);
    for (const auto& mount : mounted) {
      const auto serves = [&](const char* controller) {
        if (controllers.empty() != mount.second_version) return false;
        return mount.second_version ||
               (has_word(controllers, controller) && has_word(mount.options, controller));
      };
      // In a container the path may be that of the host, of which only the part below the root is seen.
      auto below = path;
      if (mount.root != "/" && below.starts_with(mount.root)) below.erase(0, mount.root.size());
      if (below.find("..") != std::string::npos) below.clear();
      for (;;) {
        while (below.ends_with('/')) below.pop_back();
        const Level level{mount.folder + below, mount.second_version};
        if (serves("cpu")) processor_levels_.push_back(level);
        if (serves("memory")) memory_levels_.push_back(level);
        if (below.empty()) break;
        below.erase(below.rfind('/') == std::string::npos ? 0 : below.rfind('/'));
      }
    }
  }
}

ControlGroups ControlGroups::of_this_process() {
  return {content_of("/proc/self/cgroup"), content_of("/proc/self/mountinfo")};
}

std::optional<double> ControlGroups::processors() const {
  std::optional<double> least;
  for (const auto& [folder, second_version] : processor_levels_) {
    double quota = 0, period = 0;
    if (second_version) {
      std::ifstream file(folder + "/cpu.max");
      if (!(file >> quota >> period)) continue;  // "max 100000"
    } else {
      quota = number_in(folder + "/cpu.cfs_quota_us").value_or(-1);  // -1: none
      period = number_in(folder + "/cpu.cfs_period_us").value_or(0);
    }
    if (quota > 0 && period > 0) lower(least, quota / period);
  }
  return least;
}

std::optional<double> ControlGroups::memory_left() const {
  constexpr double kNoLimit = 4e18;  // version 1 says 2^63 - 4096
  std::optional<double> least;
  for (const auto& [folder, second_version] : memory_levels_) {
    const auto used = number_in(folder + (second_version ? "/memory.current" : "/memory.usage_in_bytes"));
    auto limit = number_in(folder + (second_version ? "/memory.max" : "/memory.limit_in_bytes"));
    if (second_version) lower(limit, number_in(folder + "/memory.high"));
    if (!limit || !used || *limit > kNoLimit) continue;
    // Pages of files that nobody has used lately are given up when memory is short.
    const auto cache =
        number_after(folder + "/memory.stat", second_version ? "inactive_file" : "total_inactive_file");
    lower(least, std::max(0.0, *limit - *used + cache.value_or(0)));
  }
  return least;
}

std::int64_t usable_cores() {
  auto cores = static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  // Masks of more processors than a plain cpu_set_t has.
  constexpr int kMost = 1 << 16;
  if (cpu_set_t* mask = CPU_ALLOC(kMost)) {
    const auto bytes = CPU_ALLOC_SIZE(kMost);
    CPU_ZERO_S(bytes, mask);
    if (sched_getaffinity(0, bytes, mask) == 0) cores = std::max<std::int64_t>(1, CPU_COUNT_S(bytes, mask));
    CPU_FREE(mask);
  }
  if (const auto quota = ControlGroups::of_this_process().processors())
    cores = std::min(cores, static_cast<std::int64_t>(std::floor(*quota)));
  const auto task = count_in_environment("SLURM_CPUS_PER_TASK");
  if (const auto slurm = task ? task : count_in_environment("SLURM_CPUS_ON_NODE"))
    cores = std::min(cores, *slurm);
  return std::max<std::int64_t>(1, cores);
}

std::int64_t default_threads(std::int64_t processes) {
  if (const auto wanted = count_in_environment("OMP_NUM_THREADS")) return *wanted;
  if (count_in_environment("SLURM_CPUS_PER_TASK")) return usable_cores();
  return std::max<std::int64_t>(1, usable_cores() / processes);
}

double resident_memory() {
  std::ifstream file("/proc/self/statm");
  double all = 0, resident = 0;
  return file >> all >> resident ? resident * static_cast<double>(sysconf(_SC_PAGE_SIZE)) : 0;
}

std::optional<double> available_memory() {
  auto available = number_after("/proc/meminfo", "MemAvailable:");
  if (available) *available *= 1024;
  lower(available, ControlGroups::of_this_process().memory_left());
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    const auto pages = number_in("/proc/self/statm");
    const auto used = pages.value_or(0) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
    lower(available, std::max(0.0, static_cast<double>(limit.rlim_cur) - used));
  }
  if (const auto megabytes = count_in_environment("SLURM_MEM_PER_NODE"))
    lower(available, static_cast<double>(*megabytes) * 1024 * 1024);
  return available;
}

}  // namespace laser
