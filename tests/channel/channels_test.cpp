// Every channel against its formula: bias and error energy by Monte-Carlo through the tensor side, energies
// in physical mode, and what a silent worker or a channel without any active one does (spec 1.3, 1.4).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <numbers>
#include <numeric>

#include "laser/channel/channel.hpp"
#include "laser/channel/models.hpp"
#include "laser/channel/superposition.hpp"
#include "laser/core/fail.hpp"
#include "laser/theory/channel_noise.hpp"

namespace laser {
namespace {

constexpr std::int64_t kWorkers = 4;
constexpr std::int64_t kSymbols = 24;
constexpr double kEnergy = 30;

/// Symbols [4, 1, 24] of unlike norms.
const at::Tensor& symbols() {
  static const auto values = [] {
    auto normals =
        AddressedNoise().normal({kWorkers, 1, kSymbols}, at::kDouble, {5, Purpose::kTest, 0, 0, 0});
    for (std::int64_t i = 0; i < kWorkers; ++i) normals[i].mul_(0.5 + 0.5 * static_cast<double>(i));
    return normals;
  }();
  return values;
}

StreamKey fading(std::uint32_t round) { return {7, Purpose::kFading, round, 0, 0}; }

/// What one use of a channel gave.
struct Use {
  Link link;
  Superposition scale;
  at::Tensor decoded;  // [D]
  std::vector<double> energy;
};

Use use(const Channel& channel, std::uint32_t round, ChannelMode mode, std::vector<double> energies = {},
        std::vector<char> present = std::vector<char>(kWorkers, 1)) {
  if (energies.empty()) energies.assign(kWorkers, kEnergy);
  const auto sent = symbols();
  const auto norms = group_norms(sent, channel);
  Use result;
  result.link = channel.draw(fading(round), std::move(present));
  result.scale = channel.superpose(result.link, norms, energies);
  const std::vector<Superposition> groups{result.scale};
  auto air = superpose_symbols(sent, groups, norms, 0, mode, {}, {7, Purpose::kTest, round, 0, 1});
  AddressedNoise noise;
  receive_symbols(air.sum, groups, mode, noise, {7, Purpose::kNoise, round, 0, 0});
  result.decoded = air.sum[0];
  result.energy = air.energy;
  return result;
}

/// Moments of decoded - target over `rounds` draws: the error energy, over `expected` of each round where
/// that is given, and the largest |mean error| over the symbols in units of its standard error.
struct Moments {
  double energy = 0;
  double error = 0;  // standard error of the energy, from the rounds themselves
  double worst_bias = 0;
};
Moments measure(const Channel& channel, int rounds, const std::function<at::Tensor(const Use&)>& target,
                const std::function<double(const Use&)>& expected, ChannelMode mode = ChannelMode::kFast) {
  auto sum = at::zeros({kSymbols}, at::kDouble), squares = at::zeros({kSymbols}, at::kDouble);
  Moments moments;
  for (int t = 0; t < rounds; ++t) {
    const auto got = use(channel, static_cast<std::uint32_t>(t), mode);
    const auto error = got.decoded - target(got);
    sum += error;
    squares += error.pow(2);
    const double ratio = error.pow(2).sum().item<double>() / expected(got);
    moments.energy += ratio / rounds;
    moments.error += ratio * ratio / rounds;
  }
  moments.error = std::sqrt((moments.error - moments.energy * moments.energy) / rounds);
  const auto mean = sum / rounds;
  const auto deviation = (squares / rounds - mean.pow(2)).div(rounds).sqrt();
  moments.worst_bias = (mean / deviation).abs().max().item<double>();
  return moments;
}

at::Tensor mean_of_active(const Use& got) {
  auto sum = at::zeros({kSymbols}, at::kDouble);
  double count = 0;
  for (std::int64_t i = 0; i < kWorkers; ++i) {
    if (got.link.active[static_cast<std::size_t>(i)] == 0) continue;
    sum += symbols()[i][0];
    count += 1;
  }
  return sum / std::max(count, 1.0);
}

at::Tensor mean(const Use&) { return symbols().mean(0)[0]; }

double noise_energy(double sigma) { return kSymbols * sigma * sigma; }

const std::vector<double>& equal_energies() {
  static const std::vector<double> energies(kWorkers, kEnergy);
  return energies;
}

// 1,500 rounds of 24 symbols. Given the gains the error energy is D sigma^2 chi^2 / D: relative
// standard deviation sqrt(2 / (1500 * 24)) = 0.0075; the bound is 5 of them. 24 means are held against
// 5 standard errors each.
constexpr int kRounds = 1500;
constexpr double kBound = 0.0375;

TEST(Csit, IsUnbiasedWithTheNoiseOfTheWeakestLink) {
  const auto norms = group_norms(symbols());
  const auto channel = make_channel("csit");
  for (const auto mode : {ChannelMode::kFast, ChannelMode::kPhysical}) {
    const auto moments = measure(
        *channel, kRounds, mean,
        [&](const Use& got) {
          return noise_energy(theory::noise_std_csit(norms, got.link.gain, equal_energies()));
        },
        mode);
    EXPECT_NEAR(moments.energy, 1, kBound);
    EXPECT_LT(moments.worst_bias, 5);
  }
}

TEST(CsitTruncated, DecodesTheMeanOfThoseAboveTheThreshold) {
  const auto norms = group_norms(symbols());
  const auto channel = make_channel("csit_trunc", {.least_gain = 0.7});
  int silent = 0;
  const auto moments = measure(*channel, kRounds, mean_of_active, [&](const Use& got) {
    const auto noise = theory::noise_std_csit_truncated(norms, got.link.gain, equal_energies(), 0.7);
    silent += static_cast<int>(kWorkers - static_cast<std::int64_t>(noise.active.size()));
    for (const auto i : noise.active) EXPECT_EQ(got.link.active[i], 1);
    EXPECT_EQ(got.scale.received, !noise.active.empty());
    return noise.active.empty() ? 1.0 : noise_energy(noise.standard_deviation);
  });
  // P(|h| < 0.7) = 1 - exp(-0.49) = 0.387; 6,000 draws, standard deviation 0.0063. Nobody is above it in 2.2
  // % of the rounds, whose error is 0.
  EXPECT_NEAR(silent / (kRounds * 4.0), 0.3874, 5 * 0.0063);
  EXPECT_NEAR(moments.energy, 1 - std::pow(0.3874, 4), kBound);
  EXPECT_LT(moments.worst_bias, 5);
}

TEST(Csir, DecodesTheMeanWeightedByTheGains) {
  const auto norms = group_norms(symbols());
  const auto reception = [&](const Use& got) {
    return theory::receive_csir(norms, got.link.gain, equal_energies());
  };
  const auto moments = measure(
      *make_channel("csir"), kRounds,
      [&](const Use& got) {
        const auto weights = reception(got).weights;
        auto sum = at::zeros({kSymbols}, at::kDouble);
        for (std::size_t i = 0; i < weights.size(); ++i)
          sum += symbols()[static_cast<std::int64_t>(i)][0] * weights[i];
        return sum;
      },
      [&](const Use& got) { return noise_energy(reception(got).standard_deviation); });
  EXPECT_NEAR(moments.energy, 1, kBound);
  EXPECT_LT(moments.worst_bias, 5);
}

// The gains are part of the error here: one draw shifts all symbols together, so the error energies of rounds
// vary more. Simulated apart (20,000 draws) their relative standard deviation is 0.44, that is 0.0098 for
// 2,000 rounds; the bound is 5 of them.
TEST(Statistical, IsUnbiasedOverTheGainsWithTheirVariance) {
  const auto norms = group_norms(symbols());
  const auto expected =
      theory::receive_statistical(norms, equal_energies(), kRayleighMean, kRayleighVariance);
  const auto moments =
      measure(*make_channel("stat"), 2000, mean, [&](const Use&) { return expected.error(kSymbols); });
  EXPECT_NEAR(moments.energy, 1, 0.05);
  EXPECT_LT(moments.worst_bias, 5);
}

// As above, with relative standard deviations of 1.12 (4 antennas) and 0.80 (64): 0.025 for 2,000 rounds.
TEST(BlindAntennas, ErrFallsWithTheirNumberAsInTheFormula) {
  const auto norms = group_norms(symbols());
  const double sum_norm = symbols().sum(0).norm().item<double>();
  for (const std::int64_t antennas : {4, 64}) {
    const double expected = theory::blind_antenna_error(norms, kEnergy, sum_norm, kSymbols, antennas);
    const auto moments = measure(*make_channel("blind_mimo", {.antennas = antennas}), 2000, mean,
                                 [&](const Use&) { return expected; });
    EXPECT_NEAR(moments.energy, 1, 0.125) << antennas;
    EXPECT_LT(moments.worst_bias, 5) << antennas;
  }
}

// The combined noise has the variance sum_a |s_a|^2, A |A| on average over the pilots of the workers that are
// there: with one of four and 8 antennas 8, with a standard error of sqrt(8 / 2000) = 0.063.
TEST(BlindAntennas, WorkersThatAreAwaySendNoPilot) {
  const auto channel = make_channel("blind_mimo", {.antennas = 8});
  double variance = 0;
  for (std::uint32_t round = 0; round < 2000; ++round)
    variance += std::pow(channel->draw(fading(round), {0, 0, 1, 0}).air_noise, 2) / 2000;
  EXPECT_NEAR(variance, 8, 5 * 0.063);
}

TEST(SumPower, SpendsTheSumAndCountsTheRmsOfTheNorms) {
  const auto norms = group_norms(symbols());
  const auto got = use(*make_channel("sum_power"), 0, ChannelMode::kPhysical);
  EXPECT_NEAR(std::accumulate(got.energy.begin(), got.energy.end(), 0.0), kWorkers * kEnergy, 1e-9);
  EXPECT_NEAR(got.scale.noise_std, theory::noise_std_sum_power(norms, kEnergy), 1e-14);
  EXPECT_GT(*std::max_element(got.energy.begin(), got.energy.end()), kEnergy) << "one worker may spend more";
  EXPECT_LT(measure(*make_channel("sum_power"), kRounds, mean, [](const Use&) { return 1.0; }).worst_bias, 5);
}

TEST(Saturating, AllWorkersSpendAllTheyHave) {
  const auto norms = group_norms(symbols());
  const auto reception = theory::receive_saturating(norms, kEnergy);
  const auto got = use(*make_channel("saturating"), 0, ChannelMode::kPhysical);
  for (const double energy : got.energy) EXPECT_NEAR(energy, kEnergy, 1e-9);
  for (std::size_t i = 0; i < norms.size(); ++i)
    EXPECT_NEAR(got.scale.weight(i), reception.weights[i], 1e-14);
  EXPECT_NEAR(got.scale.noise_std, reception.standard_deviation, 1e-14);
  EXPECT_LT(got.scale.noise_std, use(*make_channel("awgn"), 0, ChannelMode::kFast).scale.noise_std);
}

std::shared_ptr<const GainTrace> trace(std::vector<std::complex<double>> gains, std::int64_t antennas) {
  const auto columns = kWorkers * std::max<std::int64_t>(antennas, 1);
  const auto rounds = static_cast<std::int64_t>(gains.size()) / columns;
  return std::make_shared<const GainTrace>(GainTrace{rounds, kWorkers, antennas, std::move(gains)});
}

// Row t of the trace is the draw of round t, by its sizes; what is decoded is csir's at these gains.
TEST(Trace, WithOneAntennaDecodesAsCsirAtItsOwnGains) {
  std::vector<std::complex<double>> gains;
  AddressedNoise noise;
  const auto drawn = noise.normal({kRounds * kWorkers, 2}, at::kDouble, {11, Purpose::kTest, 0, 0, 0});
  for (std::int64_t j = 0; j < kRounds * kWorkers; ++j)
    gains.emplace_back(drawn[j][0].item<double>(), drawn[j][1].item<double>());
  const auto channel = make_channel("trace", {.trace = trace(gains, 0)});
  EXPECT_FALSE(channel->traits().fades) << "one row for all tensors of a round";
  const auto norms = group_norms(symbols());
  const auto moments = measure(
      *channel, kRounds,
      [&](const Use& got) {
        auto sum = at::zeros({kSymbols}, at::kDouble);
        double all = 0;
        for (const double gain : got.link.gain) all += gain;
        for (std::size_t i = 0; i < norms.size(); ++i)
          sum += symbols()[static_cast<std::int64_t>(i)][0] * (got.link.gain[i] / all);
        return sum;
      },
      [&](const Use& got) {
        return noise_energy(theory::receive_csir(norms, got.link.gain, equal_energies()).standard_deviation);
      });
  EXPECT_NEAR(moments.energy, 1, kBound);
  EXPECT_LT(moments.worst_bias, 5);
  for (const std::uint32_t t : {0U, 3U, 1499U}) {
    const auto link = channel->draw(fading(t), std::vector<char>(kWorkers, 1));
    for (std::size_t i = 0; i < norms.size(); ++i)
      EXPECT_DOUBLE_EQ(link.gain[i], std::abs(gains[t * kWorkers + i])) << t;
  }
}

// The same gains as blind_mimo would draw, CN(0, 1): dividing by sum |s_a|^2 instead of its mean A k leaves
// an unbiased mean, by symmetry, and weights that add up to 1 in every round. The error energy given the
// gains is D noise^2 + sum_i,j of weights: both are held against what the antennas themselves receive, formed
// here sample by sample.
TEST(Trace, WithAntennasIsWhatTheirSamplesCombineTo) {
  constexpr std::int64_t kAntennas = 3, kRows = 40;
  AddressedNoise noise;
  const auto drawn =
      noise.normal({kRows * kWorkers * kAntennas, 2}, at::kDouble, {12, Purpose::kTest, 0, 0, 0});
  std::vector<std::complex<double>> gains;
  for (std::int64_t j = 0; j < kRows * kWorkers * kAntennas; ++j)
    gains.emplace_back(drawn[j][0].item<double>(), drawn[j][1].item<double>());
  const auto channel = make_channel("trace", {.trace = trace(gains, kAntennas)});
  const auto norms = group_norms(symbols());
  const std::vector<char> present{1, 0, 1, 1};
  for (std::uint32_t t = 0; t < kRows; ++t) {
    const auto link = channel->draw(fading(t), present);
    const auto scale = channel->superpose(link, norms, equal_energies());
    double pilots = 0, sum = 0;
    std::vector<double> weights(kWorkers, 0.0);
    for (std::int64_t a = 0; a < kAntennas; ++a) {
      const auto h = [&](std::int64_t i) {
        return gains[static_cast<std::size_t>((t * kWorkers + i) * kAntennas + a)];
      };
      const auto pilot = h(0) + h(2) + h(3);
      pilots += std::norm(pilot);
      for (const std::int64_t i : {0, 2, 3})
        weights[static_cast<std::size_t>(i)] += std::real(std::conj(pilot) * h(i));
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double weight = present[i] != 0 ? scale.weight(i) : 0.0;
      EXPECT_NEAR(weight, weights[i] / pilots, 1e-12) << t << ' ' << i;
      sum += weight;
    }
    EXPECT_NEAR(sum, 1, 1e-12) << t;
    const double amplitude = std::sqrt(kEnergy) / *std::max_element(norms.begin(), norms.end());
    // Re sum_a conj(s_a) Z_a has the variance sum_a |s_a|^2.
    EXPECT_NEAR(scale.noise_std, std::sqrt(pilots) / (amplitude * pilots), 1e-12) << t;
  }
}

TEST(Trace, LinksThatAreDownAreSilentAndRowsThatAreNotThereAreRefused) {
  const auto channel = make_channel("trace", {.trace = trace({0, 1, {0, 2}, -0.5, 0, 0, 0, 0}, 0)});
  const auto down = use(*channel, 0, ChannelMode::kPhysical);
  EXPECT_EQ(down.link.active, (std::vector<char>{0, 1, 1, 1}));
  EXPECT_EQ(down.energy[0], 0.0);
  EXPECT_NEAR(down.scale.weight(2), 2 / 3.5, 1e-12);
  EXPECT_FALSE(use(*channel, 1, ChannelMode::kFast).scale.received) << "nobody is there";
  const auto refusal = [](const auto& work) {
    try {
      work();
    } catch (const Error& error) {
      return fmt::format("{} {}", static_cast<int>(error.code()), error.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal([&] {
              (void)use(*channel, 2, ChannelMode::kFast);
            }).find("4 this trace has the gains of 2 rounds"),
            std::string::npos);
  EXPECT_NE(refusal([&] {
              (void)channel->draw(fading(0), {1, 1});
            }).find("HINT: workers=4"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              (void)make_channel("trace")->draw(fading(0), {1, 1});
            }).find("HINT: gains=FILE"),
            std::string::npos);
  // Two antennas at which all workers' gains cancel: there is no pilot.
  const auto blind = make_channel("trace", {.trace = trace({1, 1, -1, -1, 2, 2, -2, -2}, 2)});
  EXPECT_FALSE(use(*blind, 0, ChannelMode::kFast).scale.received);
}

at::Tensor weighted(const std::vector<double>& weights) {
  auto sum = at::zeros({kSymbols}, at::kDouble);
  for (std::size_t i = 0; i < weights.size(); ++i)
    sum += symbols()[static_cast<std::int64_t>(i)][0] * weights[i];
  return sum;
}

/// Sum of w_i^2 N_i^2 with the weights of a use.
double own_energy(const Use& got) {
  const auto norms = group_norms(symbols());
  double sum = 0;
  for (std::size_t i = 0; i < norms.size(); ++i) sum += std::pow(got.scale.weight(i) * norms[i], 2);
  return sum;
}

const LinkOptions kImperfect{.channel_error = 0.1,
                             .path_loss_exponent = 3,
                             .shadowing_db = 6,
                             .phase_error = 0.4,
                             .timing_error = 0.3,
                             .peak_ratio = 2};

// 1,500 rounds; the standard error of the energy is measured in them, and the bound is 5 of it. The negative
// control: what a system without cross-talk between the parts of a complex symbol would have, (1 - cos)^2.
TEST(Imperfect, ResidualPhasesShortenTheMeanAndMixThePartsOfASymbol) {
  const double spread = 0.6, c = std::exp(-spread * spread / 2);
  const auto channel = make_channel("awgn", {.phase_error = spread});
  const double square = symbols().mean(0)[0].pow(2).sum().item<double>();
  const auto expected = [&](const Use& got) {
    return noise_energy(got.scale.noise_std) + (1 - c) * (1 - c) * square + (1 - c * c) * own_energy(got);
  };
  for (const auto mode : {ChannelMode::kFast, ChannelMode::kPhysical}) {
    const auto moments = measure(*channel, kRounds, mean, expected, mode);
    EXPECT_NEAR(moments.energy, 1, 5 * moments.error);
    EXPECT_LT(moments.error, 0.03);
  }
  EXPECT_LT(measure(
                *channel, kRounds, [&](const Use& got) { return c * mean(got); }, expected)
                .worst_bias,
            5);
  const auto blind = measure(*channel, kRounds, mean, [&](const Use& got) {
    return noise_energy(got.scale.noise_std) +
           (1.5 - 2 * c + 0.5 * std::pow(c, 4)) * own_energy(got);  // E (1 - cos phi)^2
  });
  EXPECT_GT(blind.energy - 1, 5 * blind.error);
}

TEST(Imperfect, TimingOffsetsTurnTheEdgesOfTheBandMost) {
  const double spread = 0.4;
  const auto channel = make_channel("awgn", {.timing_error = spread});
  const auto total = symbols().mean(0)[0];
  std::vector<double> left(kSymbols);  // c of every real symbol
  for (std::int64_t j = 0; j < kSymbols; ++j) {
    const double place = (static_cast<double>(j / 2) + 0.5) / (kSymbols / 2.0) - 0.5;
    left[static_cast<std::size_t>(j)] = std::exp(-2 * std::pow(std::numbers::pi * place * spread, 2));
  }
  const auto c = at::tensor(left, at::kDouble);
  const auto expected = [&](const Use& got) {
    double sum = noise_energy(got.scale.noise_std) + ((1 - c) * total).pow(2).sum().item<double>();
    for (std::size_t i = 0; i < kWorkers; ++i) {
      const auto own = got.scale.weight(i) * symbols()[static_cast<std::int64_t>(i)][0];
      sum += ((1 - c * c) * own.pow(2)).sum().item<double>();
    }
    return sum;
  };
  const auto moments = measure(*channel, kRounds, mean, expected);
  EXPECT_NEAR(moments.energy, 1, 5 * moments.error);
  EXPECT_LT(measure(
                *channel, kRounds, [&](const Use&) { return c * total; }, expected)
                .worst_bias,
            5);
  // The mean over a whole band.
  double mean_left = 0;
  for (int j = 0; j < 20000; ++j)
    mean_left += std::exp(-2 * std::pow(std::numbers::pi * ((j + 0.5) / 20000 - 0.5) * spread, 2)) / 20000;
  EXPECT_NEAR(
      mean_left,
      std::erf(std::numbers::pi * spread / std::sqrt(2.0)) / (std::sqrt(2 * std::numbers::pi) * spread),
      1e-8);
}

// Given the estimates the decoded mean is that of a perfect channel, and every worker adds the error of its
// gain times what it sends, e ~ CN(0, channel_error).
TEST(Imperfect, EstimatesOfTheGainsLeaveNoBiasAndTheirErrorsEnergy) {
  constexpr double kError = 0.15;
  for (const std::string name : {"csit", "csit_trunc", "csir"}) {
    const auto channel = make_channel(name, {.least_gain = 0.5, .channel_error = kError});
    const auto weights = [&](const Use& got) {  // that the server thinks it hears
      std::vector<double> known(kWorkers, 0.0);
      for (std::size_t i = 0; i < known.size(); ++i)
        if (got.link.active[i] != 0)
          known[i] = got.scale.receive_scale * got.scale.amplitude[i] * got.link.gain[i];
      return known;
    };
    const auto norms = group_norms(symbols());
    const auto moments = measure(
        *channel, kRounds, [&](const Use& got) { return weighted(weights(got)); },
        [&](const Use& got) {
          double sum = noise_energy(got.scale.noise_std);
          for (std::size_t i = 0; i < norms.size(); ++i)
            sum += kError * std::pow(got.scale.receive_scale * got.scale.amplitude[i] * norms[i], 2);
          return sum > 0 ? sum : 1.0;
        });
    const double unheard = name == "csit_trunc" ? std::pow(1 - std::exp(-0.25 / (1 - kError)), kWorkers) : 0;
    EXPECT_NEAR(moments.energy, 1 - unheard, 5 * moments.error) << name;
    EXPECT_LT(moments.worst_bias, 5) << name;
    double sum = 0;
    const auto got = use(*channel, 0, ChannelMode::kFast);
    for (const double weight : weights(got)) sum += weight;
    EXPECT_NEAR(sum, 1, 1e-12) << name;
  }
}

// 200,000 workers. Powers of mean 1 and standard deviation about 5.5 (path loss 2 and 6 dB): 0.0123 for
// their mean. In decibels shadowing alone is normal, with standard deviation 6 and the mean that makes
// the mean power 1.
TEST(Imperfect, ACellSpreadsItsWorkersAboutAMeanPowerOfOne) {
  constexpr std::size_t kMany = 200'000;
  double mean_power = 0;
  for (const double gain : cell_gains(1, kMany, 2, 6)) mean_power += gain * gain / kMany;
  EXPECT_NEAR(mean_power, 1, 5 * 0.0123);
  double sum = 0, squares = 0;
  for (const double gain : cell_gains(2, kMany, 0, 6)) {
    const double decibels = 20 * std::log10(gain);
    sum += decibels / kMany;
    squares += decibels * decibels / kMany;
  }
  EXPECT_NEAR(sum, -36 * std::numbers::ln10 / 20, 5 * 6 / std::sqrt(kMany));
  EXPECT_NEAR(std::sqrt(squares - sum * sum), 6, 5 * 6 / std::sqrt(2.0 * kMany));
  // Path loss 4: half of the workers are beyond the radius whose square is 0.505, with the
  // power 0.505^-2 / 100.
  auto far = cell_gains(3, kMany, 4, 0);
  std::nth_element(far.begin(), far.begin() + kMany / 2, far.end());
  EXPECT_NEAR(std::pow(far[kMany / 2], 2), std::pow(0.505, -2) / 100,
              5 * 4 * 0.0392 * 0.5 / 0.505 / std::sqrt(kMany));
  // A worker stays where it is; truncated inversion selects by what is left of its gain there.
  const auto near = make_channel("csit_trunc"),
             spread = make_channel("csit_trunc", {.path_loss_exponent = 3, .shadowing_db = 8});
  const auto cell = cell_gains(7, kWorkers, 3, 8);
  for (const std::uint32_t t : {0U, 5U}) {
    const auto plain = near->draw(fading(t), std::vector<char>(kWorkers, 1)),
               far_off = spread->draw(fading(t), std::vector<char>(kWorkers, 1));
    for (std::size_t i = 0; i < kWorkers; ++i) {
      EXPECT_NEAR(far_off.gain[i], plain.gain[i] * cell[i], 1e-12);
      EXPECT_EQ(far_off.active[i] != 0, far_off.gain[i] >= 0.3);
    }
  }
}

// 40,000 normal symbols of one worker; standard errors below 0.01.
TEST(Imperfect, ClippingLeavesThePartThatBussgangSays) {
  constexpr std::int64_t kMany = 40'000;
  const auto sent = AddressedNoise().normal({1, 1, kMany}, at::kDouble, {13, Purpose::kTest, 0, 0, 0});
  const auto norms = group_norms(sent);
  for (const double q : {1.0, 2.0, 4.0}) {
    const auto channel = make_channel("awgn", {.peak_ratio = q});
    const auto link = channel->draw(fading(0), {1});
    const std::vector<double> energies{kEnergy};
    const std::vector<Superposition> groups{channel->superpose(link, norms, energies)};
    const auto fast = superpose_symbols(sent, groups, norms, 0, ChannelMode::kFast);
    const double c = std::erf(std::sqrt(q / 2));
    const double left = c - std::sqrt(2 * q / std::numbers::pi) * std::exp(-q / 2) + q * (1 - c);
    const auto heard = fast.sum[0];
    EXPECT_NEAR((heard * sent[0][0]).sum().item<double>() / std::pow(norms[0], 2), c, 0.03) << q;
    EXPECT_NEAR(heard.pow(2).sum().item<double>() / std::pow(norms[0], 2), left, 0.03) << q;
    EXPECT_NEAR(fast.energy[0] / kEnergy, left, 0.03) << q;
    EXPECT_LE(heard.abs().max().item<double>(), std::sqrt(q / kMany) * norms[0] * (1 + 1e-12)) << q;
    const auto physical = superpose_symbols(sent, groups, norms, 0, ChannelMode::kPhysical);
    EXPECT_NEAR(physical.energy[0], fast.energy[0], 1e-9 * kEnergy) << q;
    EXPECT_LT((physical.sum[0] * groups[0].receive_scale - heard).abs().max().item<double>(), 1e-9) << q;
  }
}

TEST(Imperfect, PhasesAndOffsetsAreDrawnAnewAndForEveryWorker) {
  const auto channel = make_channel("awgn", kImperfect);
  const std::vector<char> all(64, 1);
  const auto one = channel->draw({1, Purpose::kFading, 0, 0, 0}, all);
  EXPECT_EQ(one.phase, channel->draw({1, Purpose::kFading, 0, 0, 0}, all).phase);
  for (const StreamKey other : {StreamKey{2, Purpose::kFading, 0, 0, 0}, {1, Purpose::kFading, 1, 0, 0}}) {
    EXPECT_NE(one.phase, channel->draw(other, all).phase);
    EXPECT_NE(one.delay, channel->draw(other, all).delay);
  }
  EXPECT_NE(one.phase[0] / 0.4, one.phase[1] / 0.4);
  EXPECT_NE(one.phase[0] / 0.4, one.delay[0] / 0.3);
  // Nobody compensates phases there.
  for (const std::string name : {"noiseless", "blind_mimo"})
    EXPECT_TRUE(make_channel(name, kImperfect)->draw({1, Purpose::kFading, 0, 0, 0}, all).phase.empty())
        << name;
  EXPECT_TRUE(make_channel("awgn", {})->draw({1, Purpose::kFading, 0, 0, 0}, all).phase.empty());
}

/// The golden cases of kind channel_ext, played by the channels themselves.
TEST(Channels, GiveTheKnownAnswers) {
  struct Case {
    std::vector<double> norms, gains, powers;
    double unequal, csit, csir;
    std::vector<double> weights;
    double stat, mean_gain;
  };
  const std::vector<Case> cases{{{1, 2, 3},
                                 {0.5, 1.2, 2},
                                 {10, 10, 10},
                                 0.31622776601683794,
                                 0.21081851067789195,
                                 0.2564008913650037,
                                 {0.13513513513513514, 0.32432432432432434, 0.5405405405405406},
                                 0.35136418446315326,
                                 0.9},
                                {{4, 4},
                                 {1, 0.3},
                                 {5, 20},
                                 0.8944271909999159,
                                 1.4907119849998598,
                                 1.376041832307563,
                                 {0.7692307692307693, 0.23076923076923078},
                                 0.8944271909999159,
                                 1}};
  for (const auto& known : cases) {
    const Link link{known.gains, std::vector<char>(known.gains.size(), 1)};
    const Link flat{std::vector<double>(known.gains.size(), 1.0), link.active};
    EXPECT_NEAR(make_channel("awgn")->superpose(flat, known.norms, known.powers).noise_std, known.unequal,
                1e-12);
    EXPECT_NEAR(make_channel("csit")->superpose(link, known.norms, known.powers).noise_std, known.csit,
                1e-12);
    const auto csir = make_channel("csir")->superpose(link, known.norms, known.powers);
    EXPECT_NEAR(csir.noise_std, known.csir, 1e-12);
    for (std::size_t i = 0; i < known.weights.size(); ++i)
      EXPECT_NEAR(csir.weight(i), known.weights[i], 1e-12);
    const auto stat = make_channel("stat")->superpose(link, known.norms, known.powers);
    EXPECT_NEAR(stat.noise_std * kRayleighMean, known.stat * known.mean_gain, 1e-12);
  }
}

class EveryChannel : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Registry, EveryChannel, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto& entry : channels())
                             if (entry.needs.empty()) names.push_back(entry.name);
                           return names;
                         }()),
                         [](const auto& instance) { return instance.param; });

TEST_P(EveryChannel, BothModesAgreeAndNobodySpendsMoreThanItsOwnBudget) {
  const auto perfect = make_channel(GetParam()), imperfect = make_channel(GetParam(), kImperfect);
  const std::vector<double> budgets{5, 20, 40, 80};
  for (std::uint32_t round = 0; round < 100; ++round) {
    const auto& channel = round % 2 == 0 ? perfect : imperfect;
    const auto fast = use(*channel, round, ChannelMode::kFast, budgets);
    const auto physical = use(*channel, round, ChannelMode::kPhysical, budgets);
    EXPECT_LT((fast.decoded - physical.decoded).abs().max().item<double>(), 1e-9);
    double total = 0;
    for (std::size_t i = 0; i < budgets.size(); ++i) {
      EXPECT_NEAR(fast.energy[i], physical.energy[i], 1e-9 * (1 + fast.energy[i]));
      total += physical.energy[i];
      if (channel->traits().noisy && !channel->traits().shares_power) {
        EXPECT_LE(physical.energy[i], budgets[i] * (1 + 1e-12));
      }
    }
    if (channel->traits().shares_power) {
      EXPECT_LE(total, 145 * (1 + 1e-12));
    }
  }
}

TEST_P(EveryChannel, WorkersThatAreAbsentSendNothingAndAreNotWaitedFor) {
  const auto channel = make_channel(GetParam());
  const auto got = use(*channel, 3, ChannelMode::kPhysical, {}, {1, 0, 0, 1});
  EXPECT_EQ(got.energy[1], 0.0);
  EXPECT_EQ(got.energy[2], 0.0);
  if (channel->traits().noisy) {  // nor is what they might have spent
    EXPECT_LE(got.energy[0] + got.energy[3], 2 * kEnergy * (1 + 1e-12));
  }
  const auto nobody = use(*channel, 3, ChannelMode::kPhysical, {}, {0, 0, 0, 0});
  EXPECT_FALSE(nobody.scale.received);
  EXPECT_EQ(nobody.decoded.abs().max().item<double>(), 0.0);
}

// Processes put the symbols of their own workers on the air; sums and energies are those of all together.
TEST_P(EveryChannel, WorkersInSeveralProcessesAreTheSameOnTheAir) {
  const auto channel = make_channel(GetParam(), kImperfect);
  const auto norms = group_norms(symbols(), *channel);
  const std::vector<double> budgets{5, 20, 40, 80};
  const std::vector<Superposition> groups{
      channel->superpose(channel->draw(fading(2), std::vector<char>(kWorkers, 1)), norms, budgets)};
  for (const auto mode : {ChannelMode::kFast, ChannelMode::kPhysical}) {
    const auto together = superpose_symbols(symbols(), groups, norms, 0, mode);
    auto sum = at::zeros_like(together.sum);
    for (std::int64_t i = 0; i < kWorkers; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const auto own =
          superpose_symbols(symbols().narrow(0, i, 1), groups, std::span(norms).subspan(at, 1), i, mode);
      sum += own.sum;
      EXPECT_NEAR(own.energy[0], together.energy[at], 1e-12 * together.energy[at]) << i;
    }
    EXPECT_LT((sum - together.sum).abs().max().item<double>(), 1e-12);
  }
}

TEST_P(EveryChannel, DrawsAreAddressed) {
  const auto channel = make_channel(GetParam());
  const std::vector<char> all(64, 1);
  const auto one = channel->draw({1, Purpose::kFading, 0, 0, 0}, all);
  EXPECT_EQ(one.gain, channel->draw({1, Purpose::kFading, 0, 0, 0}, all).gain);
  for (const StreamKey other : {StreamKey{2, Purpose::kFading, 0, 0, 0},
                                {1, Purpose::kFading, 1, 0, 0},
                                {1, Purpose::kFading, 0, 1, 0}}) {
    EXPECT_EQ(channel->traits().fades, one.gain != channel->draw(other, all).gain);
  }
}

// Energies of a number j on the two resource elements are exponential with the means A_j + 2 and B_j
// + 2, with A_j and B_j the workers' energies a^2 |u| of either sign: E error^2 = ((A_j + 2)^2 +
// (B_j + 2)^2) / (a^2 k)^2, exactly and at every power. 6,000 rounds of 24 numbers; 5 standard
// errors from the rounds themselves.
TEST(Reed, IsUnbiasedWithTheStatedVarianceAtEveryPower) {
  const auto channel = make_channel("reed");
  EXPECT_TRUE(channel->traits().as_energies);
  EXPECT_EQ(channel->traits().uses, 4);
  const auto sizes = group_norms(symbols(), *channel);
  for (std::int64_t i = 0; i < kWorkers; ++i) {
    EXPECT_NEAR(sizes[static_cast<std::size_t>(i)], std::sqrt(symbols()[i].abs().sum().item<double>()),
                1e-12);
  }
  const auto plus = symbols().clamp_min(0).sum(0)[0], minus = (-symbols()).clamp_min(0).sum(0)[0];
  const auto expected = [&](const Use& got) {
    const double c = got.scale.amplitude[0] * got.scale.amplitude[0];
    return (((c * plus + 2).square() + (c * minus + 2).square()).sum() / (c * kWorkers * c * kWorkers))
        .item<double>();
  };
  for (const double energy : {3.0, 30.0, 3000.0}) {
    auto sum = at::zeros({kSymbols}, at::kDouble), squares = at::zeros({kSymbols}, at::kDouble);
    double mean_ratio = 0, spread = 0;
    constexpr int kDraws = 6000;
    for (std::uint32_t t = 0; t < kDraws; ++t) {
      const auto got = use(*channel, t, ChannelMode::kFast, std::vector<double>(kWorkers, energy));
      const auto error = got.decoded - mean(got);
      sum += error;
      squares += error.square();
      const double ratio = error.square().sum().item<double>() / expected(got);
      mean_ratio += ratio / kDraws;
      spread += ratio * ratio / kDraws;
    }
    EXPECT_NEAR(mean_ratio, 1, 5 * std::sqrt((spread - mean_ratio * mean_ratio) / kDraws)) << energy;
    const auto average = sum / kDraws;
    const auto deviation = (squares / kDraws - average.square()).div(kDraws).sqrt();
    EXPECT_LT((average / deviation).abs().max().item<double>(), 5) << energy;
  }
}

// What is sent counts the size of the numbers, not their square; noise alone has the variance
// 8 over (a^2 k)^2.
TEST(Reed, SpendsTheSizeOfTheNumbersAndSaysItsNoise) {
  const auto channel = make_channel("reed");
  const auto got = use(*channel, 1, ChannelMode::kPhysical);
  const double c = got.scale.amplitude[0] * got.scale.amplitude[0];
  double most = 0;
  for (std::int64_t i = 0; i < kWorkers; ++i) {
    EXPECT_NEAR(got.energy[static_cast<std::size_t>(i)], c * symbols()[i].abs().sum().item<double>(), 1e-9);
    most = std::max(most, got.energy[static_cast<std::size_t>(i)]);
  }
  EXPECT_NEAR(most, kEnergy, 1e-9);
  EXPECT_NEAR(got.scale.noise_std, std::sqrt(8.0) / (c * kWorkers), 1e-12);
}

// 10,000 gains: |h|^2 is exponential with mean and standard deviation 1, |h| has the mean and variance that
// `stat` relies on; 5 standard errors each.
TEST(Rayleigh, GainsHaveUnitMeanSquareAndTheStatedMean) {
  const std::vector<char> all(10000, 1);
  const auto gains = draw_rayleigh(fading(0), all).gain;
  double mean_gain = 0, square = 0;
  for (const double h : gains) {
    mean_gain += h / 10000;
    square += h * h / 10000;
  }
  EXPECT_NEAR(mean_gain, kRayleighMean, 5 * std::sqrt(kRayleighVariance / 10000));
  EXPECT_NEAR(square, 1, 5 * 0.01);
  EXPECT_NEAR(kRayleighMean * kRayleighMean + kRayleighVariance, 1, 1e-15);
}

}  // namespace
}  // namespace laser
