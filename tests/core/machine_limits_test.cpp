// What a process may use of a machine: control groups of both versions and nested, as the system's texts say.
#include "laser/core/machine_limits.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "../record/temporary_folder.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

class Groups : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& content) {
    const auto whole = fs::path(place_ / path);
    fs::create_directories(whole.parent_path());
    std::ofstream(whole) << content << '\n';
  }
  /// A line of /proc/self/mountinfo.
  [[nodiscard]] std::string mount(const std::string& root, const std::string& folder, const std::string& type,
                                  const std::string& options) const {
    return fmt::format("31 24 0:26 {} {} rw,nosuid shared:9 - {} cgroup {}\n", root, place_ / folder, type,
                       options);
  }
  TemporaryFolder place_;
};

TEST_F(Groups, OfVersion2AreLimitedByAllThatTheyAreNestedIn) {
  put("unified/cpu.max", "max 100000");
  put("unified/a/cpu.max", "150000 100000");
  put("unified/a/b/cpu.max", "400000 100000");
  put("unified/a/b/c/cpu.max", "max 100000");
  put("unified/a/memory.max", "1000000");
  put("unified/a/memory.current", "700000");
  put("unified/a/memory.stat", "anon 5\ninactive_file 50000\nactive_file 7");
  put("unified/a/b/memory.max", "max");
  put("unified/a/b/memory.current", "600000");
  put("unified/a/b/c/memory.max", "900000");
  put("unified/a/b/c/memory.high", "800000");
  put("unified/a/b/c/memory.current", "100000");
  const auto mounts = mount("/", "unified", "cgroup2", "rw");
  const ControlGroups inner("0::/a/b/c\n", mounts), outer("0::/\n", mounts), middle("0::/a/\n", mounts);
  EXPECT_DOUBLE_EQ(inner.processors().value(), 1.5);
  EXPECT_DOUBLE_EQ(inner.memory_left().value(), 350000);
  EXPECT_DOUBLE_EQ(middle.memory_left().value(), 350000);
  EXPECT_FALSE(outer.processors());
  EXPECT_FALSE(outer.memory_left());
  put("unified/a/memory.current", "100000");
  EXPECT_DOUBLE_EQ(inner.memory_left().value(), 700000) << "memory.high slows down before memory.max kills";
  put("unified/a/memory.current", "2000000");
  EXPECT_DOUBLE_EQ(inner.memory_left().value(), 0);
}

TEST_F(Groups, OfVersion1AreFoundByTheirController) {
  put("cpu/slurm/job/cpu.cfs_quota_us", "250000");
  put("cpu/slurm/job/cpu.cfs_period_us", "100000");
  put("cpu/slurm/job/step/cpu.cfs_quota_us", "-1");
  put("cpu/slurm/job/step/cpu.cfs_period_us", "100000");
  put("memory/slurm/job/memory.limit_in_bytes", "500000");
  put("memory/slurm/job/memory.usage_in_bytes", "100000");
  put("memory/slurm/job/memory.stat", "cache 9\ntotal_inactive_file 1000");
  put("memory/slurm/job/step/memory.limit_in_bytes", "9223372036854771712");
  put("memory/slurm/job/step/memory.usage_in_bytes", "100000");
  const auto mounts = mount("/", "cpu", "cgroup", "rw,cpu,cpuacct") +
                      mount("/", "memory", "cgroup", "rw,memory") + mount("/", "unified", "cgroup2", "rw");
  const ControlGroups groups(
      "9:memory:/slurm/job/step\n4:cpu,cpuacct:/slurm/job/step\n1:name=systemd:/x\n0::/elsewhere\n", mounts);
  EXPECT_DOUBLE_EQ(groups.processors().value(), 2.5);
  EXPECT_DOUBLE_EQ(groups.memory_left().value(), 401000);
}

TEST_F(Groups, OfAContainerAreSeenFromItsRoot) {
  put("unified/cpu.max", "50000 100000");
  put("unified/inside/cpu.max", "70000 100000");
  // Without a namespace of its own the container sees the path of the host, and of the tree only its part.
  const ControlGroups whole("0::/docker/1a2b/inside\n", mount("/docker/1a2b", "unified", "cgroup2", "rw"));
  EXPECT_DOUBLE_EQ(whole.processors().value(), 0.5);
  const ControlGroups outside("0::/../other\n", mount("/", "unified", "cgroup2", "rw"));
  EXPECT_DOUBLE_EQ(outside.processors().value(), 0.5);
}

TEST(ControlGroupTexts, ThatAreOddAreNoLimits) {
  for (const std::string text :
       {"", "\n\n", "0::", "::::", "x", "0:/a", "4:cpu", "0::/a\n0::/a\n", "9:memory:/"}) {
    for (const std::string mounts : {"", "\n", "1 2 3", "1 2 3 / /nowhere rw - cgroup2 x rw",
                                     "- - - - - - - -", "1 2 3 / /nowhere rw - cgroup x rw,cpu,memory"}) {
      const ControlGroups groups(text, mounts);
      EXPECT_FALSE(groups.processors());
      EXPECT_FALSE(groups.memory_left());
    }
  }
}

TEST(MachineLimits, AreThoseOfTheEnvironmentWhereItSaysSo) {
  unsetenv("OMP_NUM_THREADS");
  unsetenv("SLURM_CPUS_PER_TASK");
  unsetenv("SLURM_CPUS_ON_NODE");
  const auto cores = usable_cores();
  EXPECT_GE(cores, 1);
  EXPECT_EQ(default_threads(), cores);
  EXPECT_EQ(default_threads(1000), 1);
  setenv("SLURM_CPUS_ON_NODE", "1", 1);
  EXPECT_EQ(usable_cores(), 1);
  setenv("SLURM_CPUS_PER_TASK", "100000", 1);
  EXPECT_EQ(default_threads(1000), cores) << "a task of Slurm has its own";
  setenv("OMP_NUM_THREADS", "3,2", 1);
  EXPECT_EQ(default_threads(), 3);
  setenv("OMP_NUM_THREADS", "nonsense", 1);
  EXPECT_EQ(default_threads(), cores);
  unsetenv("OMP_NUM_THREADS");
  unsetenv("SLURM_CPUS_PER_TASK");
  unsetenv("SLURM_CPUS_ON_NODE");
  setenv("SLURM_MEM_PER_NODE", "1", 1);
  EXPECT_LE(available_memory().value(), 1024.0 * 1024);
  unsetenv("SLURM_MEM_PER_NODE");
  EXPECT_GT(available_memory().value(), 1e6);
}

}  // namespace
}  // namespace laser
