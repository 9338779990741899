#include "laser/verify/factor_pair.hpp"

#include <ATen/ATen.h>

#include "laser/channel/channel.hpp"
#include "laser/channel/superposition.hpp"

namespace laser::verify {
namespace {

/// One factor [r, D] as decoded, each column with its own scale.
at::Tensor receive(const at::Tensor& factor, std::span<const double> energies, const StreamKey& key) {
  const auto channel = make_channel("awgn");
  const auto symbols = factor.unsqueeze(0);  // [1, r, D]
  const auto norms = group_norms(symbols);
  const auto link = channel->draw(key, {1});
  std::vector<Superposition> scales;
  for (std::size_t j = 0; j < norms.size(); ++j)
    scales.push_back(channel->superpose(link, std::span(norms).subspan(j, 1), energies.subspan(j, 1)));
  AddressedNoise noise;
  auto air = superpose_symbols(symbols, scales, norms, 0, ChannelMode::kFast);
  receive_symbols(air.sum, scales, ChannelMode::kFast, noise, key);
  return air.sum;
}

}  // namespace

Estimate measure_factor_pair(const at::Tensor& left, const at::Tensor& right,
                             std::span<const double> left_energies, std::span<const double> right_energies,
                             std::int64_t rounds, std::uint64_t seed) {
  const auto product = at::mm(left.t(), right);
  const double energy = product.pow(2).sum().item<double>();
  std::vector<double> errors;
  for (std::int64_t i = 0; i < rounds; ++i) {
    const auto round = static_cast<std::uint32_t>(i);
    const auto y_left = receive(left, left_energies, {seed, Purpose::kNoise, round, 0, 0});
    const auto y_right = receive(right, right_energies, {seed, Purpose::kNoise, round, 0, 1});
    errors.push_back((at::mm(y_left.t(), y_right) - product).pow(2).sum().item<double>() / energy);
  }
  return mean_of(errors);
}

}  // namespace laser::verify
