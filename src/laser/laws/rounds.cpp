#include "laser/laws/rounds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "laser/core/fail.hpp"

namespace laser::laws {
namespace {

bool finite(const at::Tensor& tensor) { return at::isfinite(tensor).all().item<bool>(); }

NamedTensors copy_of(const NamedTensors& state) {
  NamedTensors copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

}  // namespace

double budget_of(const Subject& subject) {
  const auto channel = parts_of(subject).channel->traits();
  if (!channel.noisy) return std::numeric_limits<double>::infinity();
  return channel.digital ? 1e6 : kPower;
}

void same_key_same_bits(const Subject& subject, Findings& findings) {
  at::Tensor estimates[3];
  for (int i = 0; i < 3; ++i) {
    Solo solo(kWorkers);
    auto aggregator = make(subject, solo, at::kFloat, i < 2 ? 1 : 2);
    estimates[i] = run_rounds(aggregator, kWorkers, 0, 4, budget_of(subject), at::kFloat);
  }
  findings.expect(at::equal(estimates[0], estimates[1]),
                  "two runs of one seed differ. HINT: draw from the exchange's random numbers, keep nothing "
                  "between rounds in the part");
  const auto parts = parts_of(subject);
  const auto compressor = parts.compressor->traits();
  const auto channel = parts.channel->traits();
  // Over a digital link what is few values already arrives as it is.
  if ((channel.noisy && !channel.digital) || compressor.draws_rounds || compressor.draws_tensors)
    findings.expect(!at::equal(estimates[0], estimates[2]), "two seeds give the same estimates");
}

void threads_do_not_matter(const Subject& subject, Findings& findings) {
  at::Tensor estimates[2];
  const int usual = at::get_num_threads();
  for (int i = 0; i < 2; ++i) {
    at::set_num_threads(i == 0 ? 1 : 3);
    Solo solo(kWorkers);
    auto aggregator = make(subject, solo, at::kFloat);
    estimates[i] = run_rounds(aggregator, kWorkers, 0, 3, budget_of(subject), at::kFloat);
  }
  at::set_num_threads(usual);
  findings.expect(
      at::equal(estimates[0], estimates[1]),
      "on one thread and on three the estimates differ. HINT: let no result depend on which thread has "
      "which part of the work");
}

void physical_and_fast_agree(const Subject& subject, Findings& findings) {
  at::Tensor estimates[2];
  for (int i = 0; i < 2; ++i) {
    auto variant = subject;
    variant.algorithm.channel_mode = i == 0 ? "fast" : "physical";
    Solo solo(kWorkers);
    auto aggregator = make(variant, solo);
    estimates[i] = run_rounds(aggregator, kWorkers, 0, 3, budget_of(subject));
  }
  findings.expect_at_most(relative_difference(estimates[1], estimates[0]), 1e-9,
                          "channel_mode=physical and fast differ by");
}

void processes_act_as_one(const Subject& subject, Findings& findings) {
  Solo solo(kWorkers);
  auto together = make(subject, solo);
  const auto expected = run_rounds(together, kWorkers, 0, 3, budget_of(subject));
  auto last = blank(together);
  const auto report =
      together.round(3, budget_of(subject), random_gradients(kWorkers, together.layout().size, 3), last);
  ThreadCollective::Board board(kWorkers);
  std::vector<at::Tensor> estimates(kWorkers);
  std::vector<RoundReport> reports(kWorkers);
  std::vector<std::string> problems(kWorkers);
  std::vector<std::thread> threads;
  for (std::int64_t rank = 0; rank < kWorkers; ++rank) {
    threads.emplace_back([&, rank] {
      const auto r = static_cast<std::size_t>(rank);
      ThreadCollective collective(board, rank);
      try {
        auto own = make(subject, collective);
        std::vector<at::Tensor> rounds;
        for (std::int64_t t = 0; t < 4; ++t) {
          auto estimate = blank(own);
          const auto all = random_gradients(kWorkers, own.layout().size, static_cast<std::uint32_t>(t));
          reports[r] = own.round(t, budget_of(subject), all.narrow(0, rank, 1), estimate);
          rounds.push_back(estimate);
        }
        estimates[r] = at::stack(rounds);
      } catch (const std::exception& problem) {
        problems[r] = problem.what();
        collective.leave();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::size_t r = 0; r < estimates.size(); ++r) {
    findings.expect(problems[r].empty(), problems[r]);
    if (!problems[r].empty()) continue;
    const auto who = fmt::format("process {} differs from one process of all workers", r);
    findings.expect_at_most(relative_difference(estimates[r].narrow(0, 0, 3), expected), 1e-6, who);
    findings.expect_at_most(relative_difference(estimates[r][3], last), 1e-6, who);
    findings.expect(reports[r].symbols == report.symbols && reports[r].nobody_heard == report.nobody_heard,
                    who + " in its report");
    for (std::size_t i = 0; i < report.energy.size(); ++i) {
      findings.expect_at_most(std::abs(reports[r].energy[i] - report.energy[i]),
                              1e-6 * (1e-9 + report.energy[i]), who + " in the energy of a worker");
    }
  }
}

void save_and_load(const Subject& subject, Findings& findings) {
  std::map<std::string, bool> matters;  // negative control: a changed part of the state must change the run
  const auto budget = budget_of(subject);
  for (const std::int64_t save_at : {3, 4}) {  // some use one factor after odd, one after even rounds
    Solo solo(kWorkers);
    auto straight = make(subject, solo, at::kFloat);
    run_rounds(straight, kWorkers, 0, save_at, budget, at::kFloat);
    const auto saved = copy_of(straight.state());
    const auto expected = run_rounds(straight, kWorkers, save_at, save_at + 3, budget, at::kFloat);
    const auto resumed_from = [&](const NamedTensors& state) {
      auto resumed = make(subject, solo, at::kFloat);
      resumed.load_state(state);
      return run_rounds(resumed, kWorkers, save_at, save_at + 3, budget, at::kFloat);
    };
    findings.expect(at::equal(resumed_from(saved), expected),
                    fmt::format("a run that was saved after {} rounds goes on differently", save_at));
    for (const auto& [name, tensor] : saved) {
      auto broken = saved;
      broken[name] = tensor + at::linspace(0.5, 1.5, tensor.numel(), tensor.options()).view(tensor.sizes());
      matters[name] |= !at::equal(resumed_from(broken), expected);
    }
  }
  for (const auto& [name, changed] : matters)
    findings.expect(changed, fmt::format("the saved '{}' has no effect on what follows", name));
}

void zeros_stay_finite(const Subject& subject, Findings& findings) {
  Solo solo(kWorkers);
  auto aggregator = make(subject, solo, at::kFloat);
  const bool linear = parts_of(subject).compressor->traits().linear;
  const auto zeros = at::zeros({kWorkers, aggregator.layout().size});
  for (std::int64_t t = 0; t < 3; ++t) {
    auto estimate = blank(aggregator, at::kFloat);
    aggregator.round(t, budget_of(subject), zeros, estimate, true);
    findings.expect(finite(estimate), "gradients of zeros give an estimate that is not finite");
    if (linear)
      findings.expect(estimate.abs().max().item<double>() == 0, "gradients of zeros give another estimate");
  }
  auto estimate = blank(aggregator, at::kFloat);
  aggregator.round(3, budget_of(subject), random_gradients(kWorkers, aggregator.layout().size, 3, at::kFloat),
                   estimate);
  findings.expect(finite(estimate), "the round after zeros gives an estimate that is not finite");
}

bool has_no_unit(const Subject& subject) {
  const auto parts = parts_of(subject);
  return !(parts.channel->traits().as_energies && parts.receiver->traits().weighs);
}

void scales_are_one_problem(const Subject& subject, Findings& findings) {
  const auto traits = parts_of(subject).compressor->traits();
  const bool follows = traits.scales;
  at::Tensor reference;
  for (const double scale : {1.0, 0x1p-60, 0x1p60}) {  // powers of two round alike
    Solo solo(kWorkers);
    auto aggregator = make(subject, solo, at::kFloat);
    std::vector<at::Tensor> rounds;
    // What does not follow a scale has a unit, which shows once it is in a memory.
    for (std::uint32_t t = 0; t < (follows ? 2 : 1); ++t) {
      rounds.push_back(blank(aggregator, at::kFloat));
      const auto gradients = random_gradients(kWorkers, aggregator.layout().size, t) * scale;
      aggregator.round(t, budget_of(subject), gradients.to(at::kFloat), rounds.back());
    }
    const auto estimates = at::stack(rounds);
    findings.expect(finite(estimates),
                    fmt::format("gradients near {:g} give an estimate that is not finite", scale));
    if (traits.absolute) continue;
    auto unscaled = estimates.to(at::kDouble);
    if (follows) unscaled = unscaled / scale;
    if (!reference.defined()) reference = unscaled;
    findings.expect_at_most(
        relative_difference(unscaled, reference), 2e-4,
        fmt::format("gradients near {:g} give another estimate than those near 1, relative", scale));
  }
}

void memory_keeps_what_was_not_heard(const Subject& subject, Findings& findings) {
  if (!std::isfinite(budget_of(subject))) return;
  Solo solo(kWorkers);
  auto aggregator = make(subject, solo);
  const auto gradients = random_gradients(kWorkers, aggregator.layout().size, 0);
  auto estimate = at::ones({aggregator.layout().size}, at::kDouble);
  const auto report = aggregator.round(0, 0.0, gradients, estimate, true);
  findings.expect(estimate.abs().max().item<double>() == 0, "without power something arrives");
  for (const double energy : report.energy) findings.expect(energy == 0, "without power energy is spent");
  for (std::size_t l = 0; l < aggregator.layout().layers.size(); ++l) {
    const auto& layer = aggregator.layout().layers[l];
    if (!aggregator.memory(l).defined()) continue;
    const auto sent = gradients.narrow(1, layer.offset, layer.size).reshape(aggregator.memory(l).sizes());
    findings.expect(at::equal(aggregator.memory(l), sent),
                    fmt::format("without power the memory of '{}' is not the message", layer.name));
  }
}

std::vector<Law> with_those_of_every_role(std::vector<Law> own) {
  const Law common[] = {
      {"ZeroGradientsStayFinite", "gradients of zeros break nothing", zeros_stay_finite},
      {"SameKeySameBitsOtherKeyOtherBits", "all randomness follows from seed, round and tensor",
       same_key_same_bits},
      {"BitsDoNotDependOnThreads", "one thread and three give the same bits", threads_do_not_matter},
      {"PhysicalAndFastModeAgree", "signals formed one by one give what the short way gives",
       physical_and_fast_agree},
      {"ProcessesActAsOne", "workers in several processes give what one process gives", processes_act_as_one},
      {"SaveAndLoadMidRunIsTheUninterruptedRun", "a run that is saved and loaded goes on bit for bit",
       save_and_load},
      {"ScalesFrom1eMinus18To1e18AreOneProblem", "units of the gradients do not matter",
       scales_are_one_problem, has_no_unit},
  };
  for (const auto& law : common) {
    if (std::ranges::find(own, law.name, &Law::name) == own.end()) own.push_back(law);
  }
  return own;
}

}  // namespace laser::laws
