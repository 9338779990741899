#include "laser/bench/alternation.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"

namespace laser::bench {
namespace {

/// Keeps the times of all repetitions; prints nothing.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  explicit Collector(std::vector<Timing>& timings) : timings_(timings) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const auto& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.iterations == 0) continue;
      for (auto& timing : timings_) {
        if (timing.name == run.run_name.function_name)
          timing.seconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
      }
    }
  }

 private:
  std::vector<Timing>& timings_;
};

/// Google Benchmark reads its settings from a command line only.
void initialise() {
  static const bool done = [] {
    std::vector<std::string> arguments{"laser", "--benchmark_enable_random_interleaving=true"};
    auto argv = collect(arguments, [](std::string& argument) { return argument.data(); });
    int argc = static_cast<int>(argv.size());
    benchmark::Initialize(&argc, argv.data());
    return true;
  }();
  (void)done;
}

double quantile(const std::vector<double>& ascending, double share) {
  LASER_CHECK(!ascending.empty());
  const double place = share * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] + (place - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

}  // namespace

Contender timed(std::string name, std::function<void()> work) {
  return {std::move(name), [work = std::move(work)] {
            const auto start = std::chrono::steady_clock::now();
            work();
            return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
          }};
}

double Timing::median() const { return quantile(seconds, 0.5); }

double Timing::spread() const { return (quantile(seconds, 0.75) - quantile(seconds, 0.25)) / (2 * median()); }

std::vector<Timing> alternate(const std::vector<Contender>& contenders, int repetitions,
                              const std::function<bool()>& stop) {
  initialise();
  std::vector<Timing> timings;
  for (const auto& contender : contenders) {
    if (stop()) fail(ExitCode::kInterrupted, "the measurement was interrupted");
    timings.push_back({contender.name, {}});
    benchmark::RegisterBenchmark(contender.name.c_str(),
                                 [&contender, &stop](benchmark::State& state) {
                                   // Once interrupted nothing is run; an error would upset the library's
                                   // statistics over repetitions.
                                   for (auto unused : state) {
                                     (void)unused;
                                     state.SetIterationTime(stop() ? 0.0 : contender.run());
                                   }
                                 })
        ->UseManualTime()
        ->Iterations(1)
        ->Repetitions(repetitions);
  }
  Collector collector(timings);
  benchmark::RunSpecifiedBenchmarks(&collector);
  benchmark::ClearRegisteredBenchmarks();
  if (stop()) fail(ExitCode::kInterrupted, "the measurement was interrupted");
  for (auto& timing : timings) {
    LASER_CHECK(timing.seconds.size() == static_cast<std::size_t>(repetitions));
    std::sort(timing.seconds.begin(), timing.seconds.end());
  }
  return timings;
}

}  // namespace laser::bench
