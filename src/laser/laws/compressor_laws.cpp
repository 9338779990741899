#include <cmath>
#include <limits>
#include <numeric>

#include "laser/core/fail.hpp"
#include "laser/laws/rounds.hpp"
#include "laser/power/allocation.hpp"

namespace laser::laws {
namespace {

Traits traits_of(const Subject& subject) { return parts_of(subject).compressor->traits(); }
bool splits(const Subject& subject) { return traits_of(subject).splits; }
bool is_linear(const Subject& subject) { return traits_of(subject).linear; }
bool draws(const Subject& subject) {
  return traits_of(subject).draws_rounds || traits_of(subject).draws_tensors;
}

Subject noiseless(Subject subject) {
  subject.algorithm.channel = "noiseless";
  return subject;
}

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

void budgets_hold(const Subject& subject, Findings& findings) {
  for (const auto& row : allocations()) {
    for (const char* mode : {"fast", "physical"}) {
      auto variant = subject;
      variant.algorithm.allocation = row.name;
      variant.algorithm.channel_mode = mode;
      Solo solo(kWorkers);
      auto aggregator = make(variant, solo);
      for (std::int64_t t = 0; t < 3; ++t) {
        auto estimate = blank(aggregator);
        auto gradients = random_gradients(kWorkers, aggregator.layout().size, static_cast<std::uint32_t>(t));
        gradients[1].mul_(3);  // workers of different strength
        for (const double energy : aggregator.round(t, kPower, gradients, estimate).energy) {
          findings.expect_at_most(energy, kPower * (1 + 1e-9),
                                  fmt::format("energy of a worker, {}, {}", row.name, mode));
          findings.expect(energy > 0, "a worker with a gradient sends nothing");
        }
      }
    }
  }
}

void whole_budget(const Subject& subject, Findings& findings) {
  Solo solo(1);
  auto aggregator = make(subject, solo);
  auto estimate = blank(aggregator);
  const auto report = aggregator.round(0, kPower, random_gradients(1, aggregator.layout().size, 0), estimate);
  findings.expect_at_most(std::abs(report.energy[0] - kPower), 1e-9 * kPower,
                          "what a worker alone leaves unused");
}

void vanishing_noise(const Subject& subject, Findings& findings) {
  at::Tensor estimates[2];
  for (int i = 0; i < 2; ++i) {
    Solo solo(kWorkers);
    auto aggregator = make(i == 0 ? noiseless(subject) : subject, solo);
    // One pair of rounds: at sharp decisions (signs, largest entries) tiny noise may grow later on.
    estimates[i] = run_rounds(aggregator, kWorkers, 0, 2, i == 0 ? kNoLimit : 1e26);
  }
  findings.expect_at_most(relative_difference(estimates[1], estimates[0]), 1e-9,
                          "with vanishing noise and without noise the estimates differ by");
}

void adds_up(const Subject& subject, Findings& findings) {
  Solo solo(1);
  auto aggregator = make(noiseless(subject), solo);
  at::Tensor before = blank(aggregator);
  for (std::int64_t t = 0; t < 4; ++t) {
    const auto gradients = random_gradients(1, aggregator.layout().size, static_cast<std::uint32_t>(t));
    auto estimate = at::zeros_like(before);
    aggregator.round(t, kNoLimit, gradients, estimate);
    auto after = at::zeros_like(before);
    for (std::size_t l = 0; l < aggregator.layout().layers.size(); ++l) {
      const auto& layer = aggregator.layout().layers[l];
      if (aggregator.memory(l).defined())
        after.narrow(0, layer.offset, layer.size).copy_(aggregator.memory(l)[0].reshape({-1}));
    }
    findings.expect_at_most(relative_difference(estimate + after, before + gradients[0]), 1e-10,
                            fmt::format("estimate + memory differ from the message in round {} by", t));
    before = after;
  }
}

void linear(const Subject& subject, Findings& findings) {
  const auto gradients = random_gradients(kWorkers, small_layout().size, 0);
  at::Tensor estimates[4];
  for (int i = 0; i < 4; ++i) {
    const auto input = i == 0   ? gradients
                       : i == 1 ? gradients.mean(0, true)
                       : i == 2 ? -gradients
                                : 2 * gradients;
    Solo solo(input.size(0));
    auto aggregator = make(noiseless(subject), solo);
    estimates[i] = blank(aggregator);
    aggregator.round(0, kNoLimit, input, estimates[i]);
  }
  findings.expect_at_most(relative_difference(estimates[0], estimates[1]), 1e-10,
                          "the estimate of the workers' messages and that of their mean differ by");
  findings.expect_at_most(relative_difference(estimates[2], -estimates[0]), 1e-10,
                          "the estimate of the opposite messages is not the opposite estimate, but for");
  findings.expect_at_most(relative_difference(estimates[3], 2 * estimates[0]), 1e-10,
                          "the estimate of twice the messages is not twice the estimate, but for");
  if (traits_of(subject).exact) {
    findings.expect_at_most(relative_difference(estimates[0], gradients.mean(0)), 1e-12,
                            "without noise the estimate and the mean differ by");
  }
}

void message_is_left_alone(const Subject& subject, Findings& findings) {
  const auto parts = parts_of(subject);
  const Compressor& compressor = *parts.compressor;
  const auto layout = small_layout();
  for (std::size_t l = 0; l < layout.layers.size(); ++l) {
    const auto& layer = layout.layers[l];
    if (!compressor.applies(layer)) continue;
    const auto index = static_cast<std::uint32_t>(l);
    Alone alone(compressor, layer, index, 0, 1, random_gradients(2, layer.size, 0));
    auto& exchange = alone.exchange;
    const auto before = exchange.message.clone();
    const auto passes = static_cast<int>(compressor.pass_shares().size());
    for (int pass = 0; pass < passes; ++pass) {
      std::vector<Reception> received;
      for (const auto& block : compressor.encode(exchange, pass).blocks) {
        findings.expect(block.dim() == 3 && block.size(0) == 2,
                        fmt::format("the symbols of '{}' are not [workers, groups, symbols]", layer.name));
        received.push_back(
            {block.mean(0), std::vector<double>(static_cast<std::size_t>(block.size(1)), 0.0)});
      }
      (void)compressor.decode(exchange, pass, received);
    }
    findings.expect(at::equal(exchange.message, before),
                    fmt::format("the message of '{}' has been changed by encode or decode", layer.name));
  }
}

/// What a compressor says that it sends is what rounds send on average, over whole cycles of every tensor;
/// one that says nothing sends at most a symbol a number.
void what_is_told_is_sent(const Subject& subject, Findings& findings) {
  const auto parts = parts_of(subject);
  Solo solo(1);
  auto aggregator = make(subject, solo);
  double told = 0;
  bool says = false;
  std::int64_t rounds = 2;  // factors take turns
  for (const auto& layer : aggregator.layout().layers) {
    const auto size = static_cast<double>(layer.size);
    const bool compressed = parts.compressor->applies(layer);
    const double symbols = compressed ? parts.compressor->symbols(layer) : size;
    told += symbols;
    says = says || symbols != size;
    if (!compressed) continue;
    rounds = std::lcm(rounds, parts.compressor->cycle(layer));
    findings.expect_at_most(symbols, size + 1e-9, fmt::format("symbols about '{}'", layer.name));
    findings.expect(parts.compressor->lag(layer) >= 1,
                    fmt::format("'{}' waits less than a round until it has been sent", layer.name));
  }
  if (rounds > 10000) return findings.expect(false, "no cycle of all tensors is shorter than 10,000 rounds");
  auto estimate = blank(aggregator);
  const auto gradients = random_gradients(1, aggregator.layout().size, 0);
  double sent = 0;
  for (std::int64_t t = 0; t < rounds; ++t)
    sent += static_cast<double>(aggregator.round(t, kPower, gradients, estimate).symbols);
  sent /= static_cast<double>(rounds) * static_cast<double>(parts.channel->traits().uses);
  findings.expect_at_most(
      says ? std::abs(sent - told) : sent - told, 1e-9 * told,
      fmt::format("symbols() says {:g} a round where {:g} are sent, wrong by", told, sent));
}

void own_draws_are_fresh(const Subject& subject, Findings& findings) {
  const auto parts = parts_of(subject);
  const auto traits = parts.compressor->traits();
  Layout layout;
  layout.add("twin", {9, 14});
  const auto messages = random_gradients(2, layout.size, 0);
  const auto symbols = [&](std::int64_t round, std::uint32_t index, std::uint64_t seed) {
    return first_symbols(*parts.compressor, layout.layers[0], index, round, seed, messages);
  };
  const auto differ = [](const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() != b.sizes() || !at::equal(a, b);
  };
  const auto one = symbols(0, 0, 1);
  findings.expect(!differ(one, symbols(0, 0, 1)), "two draws of one address differ");
  findings.expect(differ(one, symbols(0, 0, 2)), "two seeds give the same symbols");
  if (traits.draws_tensors) findings.expect(differ(one, symbols(0, 1, 1)), "two tensors have the same draw");
  // Rounds two apart: where factors take turns the next one differs in any case.
  if (traits.draws_rounds) findings.expect(differ(one, symbols(2, 0, 1)), "two rounds have the same draw");
}

void not_finite_is_named(const Subject& subject, Findings& findings) {
  Solo solo(kWorkers);
  auto aggregator = make(subject, solo, at::kFloat);
  auto gradients = random_gradients(kWorkers, aggregator.layout().size, 0, at::kFloat);
  gradients[2][aggregator.layout().layers[1].offset + 3] = std::nanf("");
  auto estimate = blank(aggregator, at::kFloat);
  try {
    aggregator.round(7, kPower, gradients, estimate);
    findings.expect(false, "a gradient that is not finite goes through");
  } catch (const Error& error) {
    findings.expect(error.code() == ExitCode::kNonFinite, "the error is of another kind");
    findings.expect(
        std::string(error.what()).find("'tall' at worker 2 is not finite in round 7") != std::string::npos,
        std::string("the error does not say where: ") + error.what());
  }
}

}  // namespace

const std::vector<Law>& compressor_laws() {
  static const auto laws = with_those_of_every_role({
      {"NoWorkerSendsMoreThanItsBudget", "no worker spends more than its budget, under every allocation",
       budgets_hold},
      {"OneWorkerUsesItsWholeBudget", "a worker alone spends its whole budget", whole_budget},
      {"VanishingNoiseGivesTheNoiselessAnswer", "with very much power the estimate is that of no noise",
       vanishing_noise},
      {"EstimateAndMemoryAddUpToTheMessage",
       "what a worker alone gets across and what it keeps are its message", adds_up, splits},
      {"TheEstimateIsLinearInTheWorkersWhereItSaysSo",
       "where it says so the estimate is linear in the messages, encode and decode both", linear, is_linear},
      {"TheMessageIsLeftAlone", "encode and decode do not change the message", message_is_left_alone},
      {"WithoutPowerNothingArrivesAndMemoryKeepsTheMessage", "without power nothing is lost but time",
       memory_keeps_what_was_not_heard},
      {"WhatIsToldOfSymbolsIsSent", "rounds send on average as many symbols as it says, within a cycle",
       what_is_told_is_sent},
      {"DrawsAreFreshWhereItSaysSo",
       "what it draws itself is drawn anew for every round and tensor of which it says so",
       own_draws_are_fresh, draws},
      {"NonFiniteGradientsAreNamed", "a gradient that is not finite is refused by name", not_finite_is_named},
  });
  return laws;
}

}  // namespace laser::laws
