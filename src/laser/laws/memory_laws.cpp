// The laws of feedbacks and of receivers.
#include <cmath>
#include <limits>

#include "laser/aggregate/presence.hpp"
#include "laser/core/fail.hpp"
#include "laser/laws/rounds.hpp"

namespace laser::laws {
namespace {

/// With one worker, no noise and a compressor that loses nothing everything has arrived, and
/// is not sent again.
void nothing_twice(const Subject& given, Findings& findings) {
  auto subject = given;
  subject.algorithm.compressor.name = "identity";
  subject.algorithm.channel = "noiseless";
  Solo solo(1);
  auto aggregator = make(subject, solo);
  for (std::int64_t t = 0; t < 3; ++t) {
    auto estimate = blank(aggregator);
    aggregator.round(t, std::numeric_limits<double>::infinity(),
                     random_gradients(1, aggregator.layout().size, static_cast<std::uint32_t>(t)), estimate);
    for (std::size_t l = 0; l < aggregator.layout().layers.size(); ++l) {
      const auto memory = aggregator.memory(l);
      if (memory.defined())
        findings.expect_at_most(memory.abs().max().item<double>(), 1e-12,
                                "what is kept of a message that arrived");
    }
  }
}

/// Workers remember what is left of e + g, and not of an average.
bool remembers_gradients(const Subject& subject) {
  const auto& a = subject.algorithm;
  return parts_of(subject).feedback->traits().remembers && a.worker_momentum == 0 &&
         a.filter.preconditioner == "none";
}

/// Copies of all tensors' memories; undefined where there is none yet.
std::vector<at::Tensor> memories_of(Aggregator& aggregator) {
  std::vector<at::Tensor> memories(aggregator.layout().layers.size());
  for (std::size_t l = 0; l < memories.size(); ++l) {
    const auto memory = aggregator.memory(l);
    if (memory.defined()) memories[l] = memory.clone();
  }
  return memories;
}

/// A worker whose message is lost keeps all of it: e + g, to the last bit.
void the_unheard_keep_all(const Subject& given, Findings& findings) {
  auto subject = given;
  subject.algorithm.loss_rate = 0.5;
  constexpr std::uint64_t kSeed = 1;
  Solo solo(kWorkers);
  auto aggregator = make(subject, solo, at::kDouble, kSeed);
  const auto layers = aggregator.layout().layers.size();
  int lost = 0;
  for (std::int64_t t = 0; t < 6; ++t) {
    const auto before = memories_of(aggregator);
    const auto gradients =
        random_gradients(kWorkers, aggregator.layout().size, static_cast<std::uint32_t>(t));
    auto estimate = blank(aggregator);
    aggregator.round(t, budget_of(subject), gradients, estimate);
    const auto heard = without_losses(loss_key(kSeed, t), std::vector<char>(kWorkers, 1), 0.5);
    for (std::size_t l = 0; l < layers; ++l) {
      const auto& layer = aggregator.layout().layers[l];
      const auto memory = aggregator.memory(l);
      if (!memory.defined()) continue;
      const auto own = gradients.narrow(1, layer.offset, layer.size).reshape(memory.sizes());
      const auto message = before[l].defined() ? before[l] + own : own;
      for (std::int64_t i = 0; i < kWorkers; ++i) {
        if (heard[static_cast<std::size_t>(i)] != 0) continue;
        ++lost;
        findings.expect_at_most(
            relative_difference(memory[i], message[i]), 0,
            fmt::format(
                "worker {} lost its message about '{}' in round {}, and its memory differs from it by", i,
                layer.name, t));
      }
    }
  }
  findings.expect(lost > 0, "nobody remembers anything of a message that was lost");
}

/// A worker that takes no part in a round sends nothing and keeps its memory, to the last bit.
void the_absent_keep_theirs(const Subject& given, Findings& findings) {
  auto subject = given;
  subject.algorithm.participation = 0.5;
  constexpr std::uint64_t kSeed = 1;
  Solo solo(kWorkers);
  auto aggregator = make(subject, solo, at::kDouble, kSeed);
  const auto layers = aggregator.layout().layers.size();
  int absent = 0;
  for (std::int64_t t = 0; t < 6; ++t) {
    const auto before = memories_of(aggregator);
    auto estimate = blank(aggregator);
    const auto report = aggregator.round(
        t, budget_of(subject),
        random_gradients(kWorkers, aggregator.layout().size, static_cast<std::uint32_t>(t)), estimate);
    const auto awake = awake_workers(awake_key(kSeed, t), kWorkers, 0.5);
    for (std::int64_t i = 0; i < kWorkers; ++i) {
      if (awake[static_cast<std::size_t>(i)] != 0) continue;
      ++absent;
      findings.expect(report.energy[static_cast<std::size_t>(i)] == 0,
                      fmt::format("worker {} takes no part in round {} and sends something", i, t));
      for (std::size_t l = 0; l < layers; ++l) {
        const auto memory = aggregator.memory(l);
        if (!memory.defined()) continue;
        const auto kept = before[l].defined() ? before[l][i] : at::zeros_like(memory[i]);
        findings.expect_at_most(
            relative_difference(memory[i], kept), 0,
            fmt::format("worker {} takes no part in round {}, and its memory of '{}' changes by", i, t,
                        aggregator.layout().layers[l].name));
      }
    }
  }
  findings.expect(absent > 0, "everybody took part");
}

/// With very much power a receiver leaves the estimate as an unbiased one does.
void no_noise_no_change(const Subject& given, Findings& findings) {
  at::Tensor estimates[2];
  for (int i = 0; i < 2; ++i) {
    auto subject = given;
    if (i == 0) {
      subject.parts.receiver = nullptr;
      subject.algorithm.receiver = "unbiased";
    }
    Solo solo(kWorkers);
    auto aggregator = make(subject, solo);
    estimates[i] = run_rounds(aggregator, kWorkers, 0, 2, 1e20);
  }
  findings.expect_at_most(relative_difference(estimates[1], estimates[0]), 1e-6,
                          "with vanishing noise the receiver changes the estimate by");
}

/// However little power there is, the estimate is finite.
void little_power(const Subject& subject, Findings& findings) {
  for (const double power : {1e-12, 1e-3, 1.0}) {
    Solo solo(kWorkers);
    auto aggregator = make(subject, solo);
    const auto estimates = run_rounds(aggregator, kWorkers, 0, 2, power);
    findings.expect(at::isfinite(estimates).all().item<bool>(),
                    fmt::format("at P = {:g} the estimate is not finite", power));
  }
}

}  // namespace

const std::vector<Law>& feedback_laws() {
  static const auto laws = with_those_of_every_role({
      {"WithoutPowerTheMemoryKeepsTheMessage", "where nothing arrives the whole message is kept",
       memory_keeps_what_was_not_heard},
      {"TheUnheardKeepAll", "a worker whose message is lost keeps all of it", the_unheard_keep_all,
       remembers_gradients},
      {"TheAbsentKeepTheirs", "a worker that takes no part sends nothing and keeps its memory as it is",
       the_absent_keep_theirs, remembers_gradients},
      {"NothingIsSentTwice", "of a message that arrived whole and without noise nothing is kept",
       nothing_twice},
  });
  return laws;
}

const std::vector<Law>& receiver_laws() {
  static const auto laws = with_those_of_every_role({
      {"WithoutNoiseNothingChanges", "with very much power the estimate is that of an unbiased receiver",
       no_noise_no_change},
      {"LittlePowerStaysFinite", "however little power there is, the estimate is finite", little_power},
  });
  return laws;
}

}  // namespace laser::laws
