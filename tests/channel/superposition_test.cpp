// The effective channel of spec 1.2, its edge rules, and its noise.
#include "laser/channel/superposition.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "laser/channel/channel.hpp"
#include "laser/core/error.hpp"

namespace laser {
namespace {

TEST(Awgn, ScalesAsInEquation2) {
  const auto channel = make_channel("awgn");
  const std::vector<double> norms{1.0, 4.0, 2.0};
  const auto s =
      channel->superpose(channel->draw({}, std::vector<char>(3, 1)), norms, std::vector<double>(3, 9.0));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(s.amplitude[i], 3.0 / 4.0);  // a = sqrt(p) / max N
    EXPECT_DOUBLE_EQ(s.weight(i), 1.0 / 3.0);
  }
  EXPECT_DOUBLE_EQ(s.noise_std, 4.0 / (3 * 3.0));  // c / (k sqrt p)
}

TEST(Awgn, NothingToSendIsReceivedExactlyAndSilenceIsTold) {
  const auto channel = make_channel("awgn");
  const auto link = channel->draw({}, std::vector<char>(2, 1));
  const auto nothing = channel->superpose(link, std::vector<double>{0.0, 0.0}, std::vector<double>(2, 5.0));
  EXPECT_TRUE(nothing.received);
  EXPECT_EQ(nothing.noise_std, 0.0);
  const auto silent = channel->superpose(link, std::vector<double>{0.0, 2.0}, std::vector<double>(2, 0.0));
  EXPECT_FALSE(silent.received);
}

TEST(Channel, UnknownNamesAreToldWithTheKnownOnes) {
  try {
    make_channel("rayleigh");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    EXPECT_NE(std::string(error.what())
                  .find("channel = 'rayleigh' is unknown; choose one of awgn, noiseless, csit"),
              std::string::npos);
  }
}

// 100,000 symbols: the sample variance of the received noise has relative standard deviation sqrt(2/n) =
// 0.0045 and the mean sigma/sqrt(n); both must lie within 5 of them. The seed is fixed.
TEST(Awgn, ReceivedNoiseHasTheStatedStandardDeviation) {
  const auto channel = make_channel("awgn");
  constexpr std::int64_t kSymbols = 100000;
  const auto symbols = at::ones({2, 1, kSymbols}, at::kDouble);
  const auto norms = group_norms(symbols);
  const std::vector<Superposition> scale{
      channel->superpose(channel->draw({}, std::vector<char>(2, 1)), norms, std::vector<double>(2, 400.0))};
  for (const auto mode : {ChannelMode::kFast, ChannelMode::kPhysical}) {
    auto air = superpose_symbols(symbols, scale, norms, 0, mode);
    AddressedNoise noise;
    receive_symbols(air.sum, scale, mode, noise, {1, Purpose::kNoise, 0, 0, 0});
    const auto error = air.sum - 1.0;
    const double sigma = norms[0] / (2 * 20.0);
    EXPECT_NEAR(error.mean().item<double>(), 0.0, 5 * sigma / std::sqrt(kSymbols));
    EXPECT_NEAR(error.pow(2).mean().item<double>() / (sigma * sigma), 1.0, 5 * std::sqrt(2.0 / kSymbols));
    for (const double energy : air.energy) EXPECT_NEAR(energy, 400.0, 1e-9);
  }
}

TEST(Superposition, GroupsHaveTheirOwnScales) {
  const auto channel = make_channel("awgn");
  const auto symbols = at::arange(1, 13, at::kDouble).view({2, 2, 3});
  const auto norms = group_norms(symbols);
  ASSERT_EQ(norms.size(), 4u);
  EXPECT_DOUBLE_EQ(norms[1], std::sqrt(16 + 25 + 36));
  std::vector<Superposition> scales;
  for (std::size_t c = 0; c < 2; ++c) {
    scales.push_back(channel->superpose(channel->draw({}, std::vector<char>(2, 1)),
                                        std::vector<double>{norms[c], norms[2 + c]},
                                        std::vector<double>(2, c == 0 ? 1.0 : 100.0)));
  }
  const auto fast = superpose_symbols(symbols, scales, norms, 0, ChannelMode::kFast);
  auto physical = superpose_symbols(symbols, scales, norms, 0, ChannelMode::kPhysical);
  EXPECT_LT((fast.sum - symbols.mean(0)).abs().max().item<double>(), 1e-12);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(fast.energy[i], physical.energy[i], 1e-9);
  EXPECT_NEAR(fast.energy[1], 101.0, 1e-9);  // the stronger worker spends all of both groups
}

TEST(AddressedNoise, EveryGroupGetsItsOwnDeviationOfOneStream) {
  const StreamKey key = {.seed = 2, .purpose = Purpose::kNoise, .round = 3};
  const std::vector<double> noise_std{0.5, 0.0, 2.0};
  AddressedNoise noise;
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    const auto before = at::arange(3 * 37, at::kDouble).reshape({3, 37}).to(type);
    auto values = before.clone();
    noise.add(values, noise_std, key);
    const auto normals = noise.normal({3, 37}, at::kDouble, key);
    const auto expected = before.to(at::kDouble) + normals * at::tensor(noise_std, at::kDouble).unsqueeze(1);
    const double rounding = type == at::kBFloat16 ? 0x1p-8 : 0x1p-23;
    EXPECT_LE(((values.to(at::kDouble) - expected).abs() / (expected.abs() + 1)).max().item<double>(),
              rounding);
    EXPECT_TRUE(values[1].equal(before[1]));
    EXPECT_FALSE(values[0].equal(before[0]));
    // A view whose numbers do not lie together gets the same.
    auto view = before.t().contiguous().t();
    if (type == at::kBFloat16) continue;  // normals are drawn in float or double
    noise.add(view, noise_std, key);
    EXPECT_LE((view - values).abs().max().item<double>(), 1e-4);
  }
}

}  // namespace
}  // namespace laser
