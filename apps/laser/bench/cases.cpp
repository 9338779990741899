#include "laser/bench/cases.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "laser/aggregate/aggregator.hpp"
#include "laser/bench/alternation.hpp"
#include "laser/bench/gradient_set.hpp"
#include "laser/bench/hook_peer.hpp"
#include "laser/bench/peak_memory.hpp"
#include "laser/bench/plain_torch.hpp"
#include "laser/collective/collective.hpp"
#include "laser/compress/fused_pass.hpp"
#include "laser/core/fail.hpp"
#include "laser/kernels/normal.hpp"

namespace laser::bench {
namespace {

/// What a case has to work with: gradients, and a vector of the same size for floors.
struct Bench {
  GradientSet set;
  at::Tensor aside;  // [K, d]
};

/// A case of which the contenders can be made once its gradients are there. The first contender is ours, the
/// second the floor, the third (if any) the peer.
struct Case {
  std::string name;
  std::string group;
  std::string model;
  std::int64_t workers = 1;
  std::int64_t rank = 4;
  std::function<std::vector<Contender>(Bench&)> contenders;
  std::function<void(Bench&)> remembered;  // rounds whose peak memory is of interest
  bool hook = false;                       // whether powerSGD_hook is a peer as well
};

constexpr const char* kAxpy = "in-place M += a g";

Contender axpy(Bench& bench) {
  return timed(kAxpy, [&bench] { bench.aside.add_(bench.set.bank, 1e-6); });
}

/// Twice the work, half its time: alternating transports do two different things in turn.
Contender halved(Contender contender) {
  return {contender.name, [run = std::move(contender.run)] { return (run() + run()) / 2; }};
}

/// The fused pass alone: feedback, products and the norms of what is not factored, of
/// all tensors and workers.
class FusedPass {
 public:
  enum class Kind { kEven, kOdd, kOneShot };

  FusedPass(const GradientSet& set, std::int64_t rank, Kind kind, at::ScalarType memory_type) {
    for (const auto& layer : set.layout.layers) {
      PassTensor task;
      task.gradient = set.bank.narrow(1, layer.offset, layer.size).unflatten(1, {layer.rows, layer.columns});
      if (compression_saves(layer, rank)) {
        const auto r = effective_rank(layer, rank);
        task.memory = at::zeros(task.gradient.sizes(), memory_type);
        task.projection = kind == Kind::kEven ? Projection{basis(r, layer.rows), {}}
                                              : Projection{{}, basis(r, layer.columns)};
        task.projection.compose = kind == Kind::kOneShot;
        task.pending = {at::zeros({r, layer.rows}), at::zeros({set.workers, r, layer.columns})};
        task.rounding = {1, Purpose::kRounding};
      } else {
        task.norms_wanted = true;
      }
      tasks_.push_back(std::move(task));
    }
  }

  void run() { fused_pass(tasks_); }

 private:
  static at::Tensor basis(std::int64_t rank, std::int64_t size) {
    return std::get<0>(at::linalg_qr(at::randn({size, rank}))).t().contiguous();
  }
  std::vector<PassTensor> tasks_;
};

/// Rounds of the real aggregator at P = 10 a worker.
class Rounds {
 public:
  /// `estimate` [d] is the caller's, as in training.
  Rounds(const GradientSet& set, const Algorithm& algorithm, at::Tensor estimate)
      : set_(set),
        collective_(set.workers),
        aggregator_(set.layout, algorithm, 1, collective_),
        estimate_(std::move(estimate)) {}

  void run() { aggregator_.round(index_++, 10.0, set_.bank, estimate_); }

 private:
  const GradientSet& set_;
  Solo collective_;
  Aggregator aggregator_;
  at::Tensor estimate_;
  std::int64_t index_ = 0;
};

Algorithm algorithm_of(const std::string& method, const std::string& transport, std::int64_t rank) {
  auto algorithm = laser::method(method);
  algorithm.compressor.transport = transport;
  algorithm.compressor.rank = rank;
  return algorithm;
}

template <class Work>
Contender timed_runs(std::string name, std::shared_ptr<Work> work) {
  return timed(std::move(name), [work = std::move(work)] { work->run(); });
}

Case pass_case(const std::string& name, const std::string& model, std::int64_t workers, FusedPass::Kind kind,
               at::ScalarType memory_type = at::kFloat) {
  Case result{name, "kernel", model, workers, 4, {}, {}, false};
  result.contenders = [=](Bench& bench) {
    return std::vector{timed_runs("ours", std::make_shared<FusedPass>(bench.set, 4, kind, memory_type)),
                       axpy(bench)};
  };
  return result;
}

Case round_case(const std::string& method, const std::string& transport, const std::string& model,
                std::int64_t workers, std::int64_t rank, bool growth = false) {
  Case result{"round_" + method, growth ? "growth" : "round", model, workers, rank, {}, {}, false};
  if (method == "laser") result.name += "_" + transport;
  const bool alternates = result.name == "round_laser_alternating";
  const auto algorithm = algorithm_of(method, transport, rank);
  result.contenders = [=](Bench& bench) {
    auto ours =
        timed_runs("ours", std::make_shared<Rounds>(bench.set, algorithm, at::empty_like(bench.aside[0])));
    std::vector list{alternates ? halved(std::move(ours)) : std::move(ours), axpy(bench)};
    if (growth) return list;
    if (auto plain = plain_torch_round(method, transport, bench.set, rank)) {
      auto peer = timed("plain LibTorch operations", std::move(plain));
      list.push_back(alternates ? halved(std::move(peer)) : std::move(peer));
    }
    return list;
  };
  if (!growth) {
    result.remembered = [=](Bench& bench) {
      Rounds rounds(bench.set, algorithm, bench.aside[0]);
      for (int i = 0; i < 3; ++i) rounds.run();
    };
  }
  result.hook = alternates && workers == 1 && !growth;
  return result;
}

Case noise_case(const std::string& name, const std::string& model) {
  Case result{name, "kernel", model, 1, 0, {}, {}, false};
  const bool adds = name == "noise_add";
  result.contenders = [=](Bench& bench) {
    const auto numbers = [&bench] {
      return std::span(bench.aside.data_ptr<float>(), static_cast<std::size_t>(bench.aside.numel()));
    };
    const StreamKey key{2, Purpose::kNoise};
    auto ours = adds ? timed("ours", [=] { add_normal(numbers(), 0.5f, key); })
                     : timed("ours", [=] { fill_normal(numbers(), key); });
    auto floor = adds ? timed("in-place y *= a", [&bench] { bench.aside.mul_(0.999f); })
                      : timed("streaming write", [&bench] { bench.aside.fill_(1.0f); });
    auto peer = adds ? timed("y.add_(torch.randn_like(y), sigma)",
                             [&bench] { bench.aside.add_(at::randn_like(bench.aside), 0.5); })
                     : timed("torch.randn", [&bench] { bench.aside.normal_(); });
    return std::vector{std::move(ours), std::move(floor), std::move(peer)};
  };
  return result;
}

std::vector<Case> all_cases(bool quick) {
  using Kind = FusedPass::Kind;
  std::vector<Case> cases;
  const auto add_set = [&](const std::string& model, std::int64_t workers, bool all) {
    cases.push_back(pass_case("sweep_even", model, workers, Kind::kEven));
    cases.push_back(pass_case("sweep_odd", model, workers, Kind::kOdd));
    if (all) {
      cases.push_back(pass_case("sweep_one_shot", model, workers, Kind::kOneShot));
      cases.push_back(pass_case("sweep_bfloat16_memory", model, workers, Kind::kEven, at::kBFloat16));
    }
    if (workers == 1) {
      cases.push_back(noise_case("noise_fill", model));
      cases.push_back(noise_case("noise_add", model));
    }
    cases.push_back(round_case("laser", "alternating", model, workers, 4));
    if (all) {
      for (const auto* transport : {"two_phase", "one_shot"})
        cases.push_back(round_case("laser", transport, model, workers, 4));
    }
    cases.push_back(round_case("zsgd", "alternating", model, workers, 4));
    if (all) {
      for (const auto* method : {"signum", "randomk", "sketch"})
        cases.push_back(round_case(method, "alternating", model, workers, 4));
    }
  };
  add_set("resnet18_cifar10", 1, !quick);
  if (!quick) add_set("resnet18_cifar10", 16, true);
  add_set("gpt2", 1, !quick);
  if (quick) return cases;
  add_set("gpt2", 4, false);
  add_set("square4096", 1, true);
  for (const auto* model : {"square512", "square1024", "square2048", "square4096", "square8192"})
    cases.push_back(round_case("laser", "alternating", model, 1, 4, true));
  for (const std::int64_t rank : {1, 2, 8, 16, 32})
    cases.push_back(round_case("laser", "alternating", "square4096", 1, rank, true));
  for (const std::int64_t workers : {1, 2, 4, 8, 16})
    cases.push_back(round_case("laser", "alternating", "resnet18_cifar10", workers, 4, true));
  return cases;
}

/// Repetitions for some seconds of all contenders together, within bounds: one run of each, which warms up as
/// well, tells how long they take.
int repetitions(const std::vector<Contender>& contenders, bool quick, const std::function<bool()>& stop) {
  const auto start = std::chrono::steady_clock::now();
  for (const auto& contender : contenders) {
    if (!stop()) contender.run();
  }
  const std::chrono::duration<double> once = std::chrono::steady_clock::now() - start;
  const int wanted = static_cast<int>((quick ? 2.0 : 6.0) / once.count());
  return quick ? std::clamp(wanted, 3, 9) : std::clamp(wanted, 5, 25);
}

class Runner {
 public:
  Runner(const BenchOptions& options, const Watch& watch) : options_(options), watch_(watch) {}

  Row run(const Case& work) {
    auto& bench = bench_for(work);
    auto contenders = work.contenders(bench);
    const bool peer = contenders.size() > 2;
    if (auto hook = hook_for(work)) contenders.push_back({"powerSGD_hook", [hook] { return hook->run(); }});
    const auto timings =
        alternate(contenders, repetitions(contenders, options_.quick, watch_.stop), watch_.stop);
    Row row;
    row.name = work.name;
    row.group = work.group;
    row.model = work.model;
    row.workers = work.workers;
    row.rank = work.rank;
    row.parameters = bench.set.layout.size;
    row.median_seconds = timings[0].median();
    row.spread = timings[0].spread();
    row.floor = timings[1].name;
    row.floor_seconds = timings[1].median();
    if (peer) {
      row.peer = timings[2].name;
      row.peer_seconds = timings[2].median();
    }
    if (timings.back().name == "powerSGD_hook") row.hook_seconds = timings.back().median();
    contenders.clear();
    if (work.remembered) {
      if (const auto bytes = peak_extra_bytes([&] { work.remembered(bench); })) {
        row.peak_extra_sets = static_cast<double>(*bytes) / static_cast<double>(bench.set.bank.nbytes());
      }
    }
    return row;
  }

  std::vector<std::string> notes;

 private:
  Bench& bench_for(const Case& work) {
    if (!bench_ || bench_->set.model != work.model || bench_->set.workers != work.workers) {
      bench_.reset();
      auto set = make_gradient_set(work.model, work.workers);
      auto aside = at::zeros_like(set.bank);
      bench_ = Bench{std::move(set), std::move(aside)};
    }
    return *bench_;
  }

  std::shared_ptr<HookPeer> hook_for(const Case& work) {
    if (!work.hook || options_.quick) return {};
    if (options_.python.empty()) {
      if (notes.empty()) notes.push_back("powerSGD_hook was not measured: no Python was given");
      return {};
    }
    try {
      return std::make_shared<HookPeer>(options_.python, options_.hook_script, bench_->set.layout, work.rank,
                                        options_.threads);
    } catch (const Error& error) {
      notes.push_back(std::string("powerSGD_hook was not measured: ") + error.what());
      return {};
    }
  }

  const BenchOptions& options_;
  const Watch& watch_;
  std::optional<Bench> bench_;
};

}  // namespace

Result run_cases(const BenchOptions& options, const Watch& watch) {
  std::vector<Case> chosen;
  for (auto& work : all_cases(options.quick)) {
    const auto label = work.name + " " + work.model;
    if (options.only.empty() || label.find(options.only) != std::string::npos)
      chosen.push_back(std::move(work));
  }
  if (chosen.empty()) {
    std::vector<std::string> names, models;
    for (const auto& work : all_cases(options.quick)) {
      if (std::ranges::find(names, work.name) == names.end()) names.push_back(work.name);
      if (std::ranges::find(models, work.model) == models.end()) models.push_back(work.model);
    }
    fail(ExitCode::kConfiguration, "no case contains '{}'. HINT: the cases are {}, of gradients {}",
         options.only, fmt::join(names, ", "), fmt::join(models, ", "));
  }
  const auto start = std::chrono::steady_clock::now();
  Runner runner(options, watch);
  Result result;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto& work = chosen[i];
    watch.progress(static_cast<double>(i), static_cast<double>(chosen.size()),
                   work.name + " " + work.model + " k=" + std::to_string(work.workers));
    result.rows.push_back(runner.run(work));
  }
  result.notes = runner.notes;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace laser::bench
