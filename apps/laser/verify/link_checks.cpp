#include "laser/verify/link_checks.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>

#include "laser/aggregate/aggregator.hpp"
#include "laser/channel/channel.hpp"
#include "laser/channel/superposition.hpp"
#include "laser/core/fail.hpp"
#include "laser/theory/channel_noise.hpp"
#include "laser/verify/moments.hpp"

namespace laser::verify {
namespace {

constexpr std::int64_t kLinkWorkers = 4, kSymbols = 24;
constexpr double kEnergy = 30;
constexpr double kRoundingError = 1e-12;
// |h| of h ~ CN(0, 1).
const double kRayleighMean = std::sqrt(std::numbers::pi) / 2;
constexpr double kRayleighVariance = 1 - std::numbers::pi / 4;

using Reals = std::vector<double>;

/// What the formulas say of one draw: the weight of every worker in what is decoded, and E ||error||^2.
struct Expected {
  Reals weights;
  double error = 0;
};

/// A channel, the energies of the workers and the formula.
struct LinkSubject {
  std::string name, channel, source;
  LinkOptions link;
  Reals energies;
  std::function<Expected(const Link&, const Reals& norms, const Reals& energies, double sum_norm)> expected;
};

Expected additive(Reals weights, double sigma) {
  return {std::move(weights), static_cast<double>(kSymbols) * sigma * sigma};
}

Reals mean_weights() { return Reals(kLinkWorkers, 1.0 / kLinkWorkers); }

std::vector<LinkSubject> link_subjects() {
  const Reals equal(kLinkWorkers, kEnergy);
  const Reals unequal{0.25 * kEnergy, 0.5 * kEnergy, kEnergy, 2 * kEnergy};
  std::vector<LinkSubject> list;
  list.push_back({"awgn, unequal budgets",
                  "awgn",
                  "spec 1.4",
                  {},
                  unequal,
                  [](const Link&, const Reals& norms, const Reals& energies, double) {
                    return additive(mean_weights(), theory::noise_std_unequal(norms, energies));
                  }});
  list.push_back({"csit, unequal budgets",
                  "csit",
                  "spec 1.3, 1.4",
                  {},
                  unequal,
                  [](const Link& link, const Reals& norms, const Reals& energies, double) {
                    return additive(mean_weights(), theory::noise_std_csit(norms, link.gain, energies));
                  }});
  list.push_back({"csit_trunc",
                  "csit_trunc",
                  "spec 1.3",
                  {.least_gain = 0.7},
                  equal,
                  [](const Link& link, const Reals& norms, const Reals& energies, double) {
                    const auto noise = theory::noise_std_csit_truncated(norms, link.gain, energies, 0.7);
                    Reals weights(kLinkWorkers, 0.0);
                    for (const auto i : noise.active)
                      weights[i] = 1 / static_cast<double>(noise.active.size());
                    return additive(weights, noise.standard_deviation);
                  }});
  list.push_back({"csir",
                  "csir",
                  "spec 1.3",
                  {},
                  equal,
                  [](const Link& link, const Reals& norms, const Reals& energies, double) {
                    const auto reception = theory::receive_csir(norms, link.gain, energies);
                    return additive(reception.weights, reception.standard_deviation);
                  }});
  list.push_back({"stat",
                  "stat",
                  "spec 1.3",
                  {},
                  equal,
                  [](const Link&, const Reals& norms, const Reals& energies, double) {
                    const auto reception =
                        theory::receive_statistical(norms, energies, kRayleighMean, kRayleighVariance);
                    return Expected{mean_weights(), reception.error(kSymbols)};
                  }});
  list.push_back({"blind_mimo, 16 antennas",
                  "blind_mimo",
                  "spec 1.3",
                  {.antennas = 16},
                  equal,
                  [](const Link&, const Reals& norms, const Reals& energies, double sum_norm) {
                    return Expected{mean_weights(),
                                    theory::blind_antenna_error(norms, energies[0], sum_norm, kSymbols, 16)};
                  }});
  list.push_back({"sum_power",
                  "sum_power",
                  "spec 1.4",
                  {},
                  equal,
                  [](const Link&, const Reals& norms, const Reals& energies, double) {
                    return additive(mean_weights(), theory::noise_std_sum_power(norms, energies[0]));
                  }});
  list.push_back({"saturating",
                  "saturating",
                  "spec 1.4",
                  {},
                  equal,
                  [](const Link&, const Reals& norms, const Reals& energies, double) {
                    const auto reception = theory::receive_saturating(norms, energies[0]);
                    return additive(reception.weights, reception.standard_deviation);
                  }});
  return list;
}

Check check_of(const std::string& subject, const std::string& quantity, const std::string& source,
               Estimate measured, double expected, std::int64_t samples) {
  return equality("channels", subject, quantity, source, measured, expected, samples);
}

std::vector<Check> measure_link(const LinkSubject& subject, std::int64_t draws, std::uint64_t seed) {
  auto symbols =
      AddressedNoise().normal({kLinkWorkers, 1, kSymbols}, at::kDouble, {seed, Purpose::kTest, 0, 9, 0});
  for (std::int64_t i = 0; i < kLinkWorkers; ++i) symbols[i].mul_(0.5 + 0.5 * static_cast<double>(i));
  const auto norms = group_norms(symbols);
  const double sum_norm = symbols.sum(0).norm().item<double>();
  const auto channel = make_channel(subject.channel, subject.link);
  // A fixed direction: the mean error along it is 0 unless the channel is biased.
  const auto direction = symbols.mean(0)[0] / symbols.mean(0)[0].norm();
  Reals ratios, biases;
  for (std::int64_t i = 0; i < draws; ++i) {
    const auto round = static_cast<std::uint32_t>(i);
    const auto link =
        channel->draw({seed, Purpose::kFading, round, 0, 0}, std::vector<char>(kLinkWorkers, 1));
    if (!link.heard()) continue;
    const auto expected = subject.expected(link, norms, subject.energies, sum_norm);
    const std::vector<Superposition> scales{channel->superpose(link, norms, subject.energies)};
    AddressedNoise noise;
    auto air = superpose_symbols(symbols, scales, norms, 0, ChannelMode::kPhysical);
    receive_symbols(air.sum, scales, ChannelMode::kPhysical, noise, {seed, Purpose::kNoise, round, 0, 0});
    const auto weights = at::tensor(expected.weights, at::kDouble).view({1, kLinkWorkers});
    const auto error = air.sum[0] - at::mm(weights, symbols.view({kLinkWorkers, kSymbols}))[0];
    ratios.push_back(error.dot(error).item<double>() / expected.error);
    biases.push_back(error.dot(direction).item<double>() / std::sqrt(expected.error));
  }
  const auto samples = static_cast<std::int64_t>(ratios.size());
  return {
      check_of(subject.name, "error energy over the formula", subject.source, mean_of(ratios), 1, samples),
      check_of(subject.name, "mean error along the message", subject.source, mean_of(biases), 0, samples)};
}

/// What every worker of the paper's channel spends (spec 1.2), to rounding.
std::vector<Check> spent_energies(std::uint64_t seed) {
  auto symbols =
      AddressedNoise().normal({kLinkWorkers, 1, kSymbols}, at::kDouble, {seed, Purpose::kTest, 0, 9, 0});
  for (std::int64_t i = 0; i < kLinkWorkers; ++i) symbols[i].mul_(0.5 + 0.5 * static_cast<double>(i));
  const auto norms = group_norms(symbols);
  const auto channel = make_channel("awgn");
  const auto link = channel->draw({}, std::vector<char>(kLinkWorkers, 1));
  const Reals energies(kLinkWorkers, kEnergy);
  const std::vector<Superposition> scales{channel->superpose(link, norms, energies)};
  const auto air = superpose_symbols(symbols, scales, norms, 0, ChannelMode::kPhysical);
  const auto expected = theory::spent_energy(norms, kEnergy);
  std::vector<Check> checks;
  for (std::size_t i = 0; i < kLinkWorkers; ++i) {
    checks.push_back(check_of("awgn", fmt::format("energy of worker {}", i), "spec 1.2", {air.energy[i], 0},
                              expected[i], 0));
    checks.back().tolerance = kRoundingError * kEnergy;
  }
  return checks;
}

/// The plug-in receiver shrinks what the unbiased one decodes by exactly the weight of the formula.
std::vector<Check> plug_in_receiver(std::uint64_t seed) {
  constexpr std::int64_t kSide = 8;
  constexpr double kPower = 60;
  const auto gradient = decaying_matrix(kSide, kSide, 0.8, seed).view({1, -1});
  const auto decode = [&](const char* receiver) {
    Scheme scheme;
    scheme.layout.add("matrix", {kSide, kSide});
    scheme.algorithm.compressor.name = "identity";
    scheme.algorithm.feedback = "none";
    scheme.algorithm.receiver = receiver;
    Solo solo(1);
    Aggregator aggregator(scheme.layout, scheme.algorithm, seed, solo, at::kDouble);
    auto estimate = at::zeros({kSide * kSide}, at::kDouble);
    aggregator.round(0, kPower, gradient, estimate);
    return estimate;
  };
  const auto unbiased = decode("unbiased"), shrunk = decode("mmse");
  const double energy = unbiased.dot(unbiased).item<double>();
  const Reals norm{gradient.norm().item<double>()};
  auto check = check_of("Z-SGD, MMSE receiver without a genie", "weight", "spec 1.4",
                        {shrunk.dot(unbiased).item<double>() / energy, 0},
                        theory::plug_in_weight(energy, kSide * kSide, theory::noise_std(norm, kPower)), 1);
  check.tolerance = kRoundingError;
  return {check};
}

}  // namespace

LinkChecks::LinkChecks(std::uint64_t seed, std::int64_t draws) : seed_(seed), draws_(draws) {}

std::vector<Task> LinkChecks::tasks() {
  const auto subjects = link_subjects();
  results_.assign(subjects.size() + 2, {});
  std::vector<Task> tasks;
  constexpr std::uint32_t kFirstSeed = 800000;
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    tasks.push_back({0.5 * static_cast<double>(draws_), subjects[i].name, [this, i, subject = subjects[i]] {
                       results_[i] = measure_link(
                           subject, draws_, derived_seed(seed_, kFirstSeed + static_cast<std::uint32_t>(i)));
                     }});
  }
  const auto seed = derived_seed(seed_, kFirstSeed + 100);
  tasks.push_back({1, "awgn", [this, seed] { results_[results_.size() - 2] = spent_energies(seed); }});
  tasks.push_back({1, "receivers", [this, seed] { results_.back() = plug_in_receiver(seed); }});
  return tasks;
}

std::vector<Check> LinkChecks::checks() const {
  std::vector<Check> checks;
  for (const auto& some : results_) checks.insert(checks.end(), some.begin(), some.end());
  return checks;
}

}  // namespace laser::verify
