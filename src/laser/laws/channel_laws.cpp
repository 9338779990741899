#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/core/fail.hpp"
#include "laser/laws/rounds.hpp"

namespace laser::laws {
namespace {

bool fades(const Subject& subject) { return parts_of(subject).channel->traits().fades; }
/// What is clipped costs less than was allowed, and how much less depends on the others.
bool does_not_clip(const Subject& subject) { return subject.algorithm.link.peak_ratio == 0; }
/// Phases, timing and wrong gains leave less of a worker than its weight.
bool hears_what_is_sent(const Subject& subject) {
  const auto& link = subject.algorithm.link;
  return does_not_clip(subject) && link.phase_error == 0 && link.timing_error == 0 && link.channel_error == 0;
}

/// Workers that differ in power and are now and then not heard, over links that differ from tensor to tensor.
Subject uneven(Subject subject) {
  subject.algorithm.fading_draw = "tensor";
  subject.algorithm.power_shares = {1, 4};
  subject.algorithm.loss_rate = 0.2;
  return subject;
}

void channel_budgets_hold(const Subject& given, Findings& findings) {
  const auto channel = parts_of(given).channel;
  for (const char* mode : {"fast", "physical"}) {
    auto subject = uneven(given);
    subject.algorithm.channel_mode = mode;
    Solo solo(kWorkers);
    auto aggregator = make(subject, solo);
    for (std::int64_t t = 0; t < 3; ++t) {
      auto estimate = blank(aggregator);
      auto gradients = random_gradients(kWorkers, aggregator.layout().size, static_cast<std::uint32_t>(t));
      gradients[1].mul_(3);
      const auto report = aggregator.round(t, budget_of(given), gradients, estimate);
      findings.expect(at::isfinite(estimate).all().item<bool>(), "the estimate is not finite");
      findings.expect_at_most(report.budget_use, 1 + 1e-9, "share of the budget that is used");
      if (!channel->traits().noisy) continue;
      const double total = std::accumulate(report.energy.begin(), report.energy.end(), 0.0);
      const double budget = budget_of(given);
      findings.expect_at_most(total, kWorkers * budget * (1 + 1e-9), "energy of all workers");
      const double budgets[] = {0.5 * budget, 2 * budget, 0.5 * budget};
      for (std::size_t i = 0; i < 3 && !channel->traits().shares_power; ++i) {
        findings.expect_at_most(report.energy[i], budgets[i] * (1 + 1e-9),
                                fmt::format("energy of worker {}, {}", i, mode));
      }
    }
  }
}

template <void (*law)(const Subject&, Findings&)>
void under_uneven_links(const Subject& given, Findings& findings) {
  law(uneven(given), findings);
}

/// Nobody knows beforehand that a message will be lost: it costs its energy, also where all are lost.
void lost_messages_cost(const Subject& given, Findings& findings) {
  int unheard = 0;
  for (const char* mode : {"fast", "physical"}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      std::vector<double> energies[2];
      for (const bool lossy : {false, true}) {
        auto subject = uneven(given);
        subject.algorithm.channel_mode = mode;
        subject.algorithm.loss_rate = lossy ? 0.7 : 0.0;
        Solo solo(kWorkers);
        auto aggregator = make(subject, solo, at::kDouble, seed);
        auto estimate = blank(aggregator);
        const auto report = aggregator.round(0, budget_of(given),
                                             random_gradients(kWorkers, small_layout().size, 0), estimate);
        energies[lossy ? 1 : 0] = report.energy;
        unheard += report.nobody_heard ? 1 : 0;
      }
      for (std::size_t i = 0; i < energies[0].size(); ++i) {
        findings.expect_at_most(
            std::abs(energies[1][i] - energies[0][i]), 1e-9 * energies[0][i],
            fmt::format("{}, seed {}: losing messages changes the energy of worker {} by", mode, seed, i));
      }
    }
  }
  findings.expect(unheard > 0, "in no round all messages were lost");
}

/// 400 rounds of 3 workers, half of whose messages are lost; 5 standard errors as estimated from the rounds
/// themselves, 0 where each sum is 1.
void weights_add_up(const Subject& given, Findings& findings) {
  auto subject = given;
  subject.algorithm = {};
  subject.algorithm.compressor.name = "identity";
  subject.algorithm.feedback = "none";
  subject.algorithm.channel = given.algorithm.channel;
  subject.algorithm.link = given.algorithm.link;
  subject.algorithm.scale_bits = given.algorithm.scale_bits;
  subject.algorithm.loss_rate = 0.5;
  Solo solo(kWorkers);
  Aggregator aggregator(vectors(1, kWorkers), subject.algorithm, subject.parts, 1, solo, at::kDouble);
  double sum = 0, squares = 0, rounds = 0;
  std::int64_t away = 0;
  for (std::int64_t t = 0; t < 400; ++t) {
    const auto weights = seen(aggregator, t, kWorkers).weights[0];
    const auto lost = (weights.abs() < 1e-6).sum().item<std::int64_t>();
    if (lost == kWorkers) continue;  // nobody is heard
    away += lost;
    const double total = weights.sum().item<double>();
    sum += total;
    squares += total * total;
    rounds += 1;
  }
  const double mean = sum / rounds, deviation = std::sqrt(std::max(0.0, squares / rounds - mean * mean));
  if (!(std::abs(mean - 1) <= 5 * deviation / std::sqrt(rounds) + 1e-5)) {
    findings.expect(
        false, fmt::format("the weights of the workers that are heard add up to {:.6g}, not to 1. HINT: the "
                           "server's factor is 1 / sum of gain x amplitude",
                           mean));
    return;
  }
  findings.expect(away > 300, "hardly any message was lost");
}

/// What is drawn differs from round to round, and follows from the seed.
void draws_are_fresh(const Subject& given, Findings& findings) {
  const auto channel = parts_of(given).channel;
  const auto gains = [&](std::uint64_t seed, std::uint32_t round, std::uint32_t tensor) {
    return channel->draw({seed, Purpose::kFading, round, tensor, 0}, std::vector<char>(kWorkers, 1)).gain;
  };
  findings.expect(gains(1, 0, 0) == gains(1, 0, 0), "two draws of one address differ");
  findings.expect(gains(1, 0, 0) != gains(1, 1, 0), "the draws of two rounds are the same");
  findings.expect(gains(1, 0, 0) != gains(1, 0, 1), "the draws of two tensors are the same");
  findings.expect(gains(1, 0, 0) != gains(2, 0, 0), "the draws of two seeds are the same");
}

}  // namespace

const std::vector<Law>& channel_laws() {
  static const auto laws = with_those_of_every_role({
      {"NoWorkerSendsMoreThanItsOwnBudget", "no worker spends more than its own budget",
       channel_budgets_hold},
      {"PhysicalAndFastModeAgree", "signals formed one by one give what the short way gives",
       under_uneven_links<physical_and_fast_agree>},
      {"ProcessesActAsOne", "workers in several processes give what one process gives",
       under_uneven_links<processes_act_as_one>},
      {"SaveAndLoadMidRunIsTheUninterruptedRun", "a run that is saved and loaded goes on bit for bit",
       under_uneven_links<save_and_load>},
      {"LostMessagesCostTheirEnergy", "a message that is lost costs its energy", lost_messages_cost,
       does_not_clip},
      {"WeightsOfTheWorkersThatAreHeardAddUpToOne",
       "the server hears a mean of those that are heard, on average where gains are not known",
       weights_add_up, hears_what_is_sent},
      {"DrawsAreFresh", "fading is drawn anew for every round and tensor, from the seed", draws_are_fresh,
       fades},
  });
  return laws;
}

}  // namespace laser::laws
