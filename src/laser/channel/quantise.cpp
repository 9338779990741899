#include "laser/channel/quantise.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/core/fail.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/kernels/sampling.hpp"

namespace laser {
namespace {

constexpr double kMostLevels = 1125899906842624.0;  // 2^50: beyond the digits of any number

/// Writes to `out`, which is zero, what is received of `values`.
template <class T>
void quantise_group(std::span<const T> values, const QuantiserRate& rate, const StreamKey& key,
                    std::span<T> out) {
  const auto size = static_cast<std::int64_t>(values.size());
  std::vector<std::int32_t> chosen;
  if (rate.numbers < size) chosen = sample_without_replacement(key, size, rate.numbers);
  const auto place = [&](std::size_t j) { return chosen.empty() ? j : static_cast<std::size_t>(chosen[j]); };
  const auto numbers = static_cast<std::size_t>(rate.numbers);
  double largest = 0;
  for (std::size_t j = 0; j < numbers; ++j)
    largest = std::max(largest, std::abs(static_cast<double>(values[place(j)])));
  if (!(largest > 0)) return;
  StreamKey own = key;
  ++own.unit;
  std::vector<std::uint32_t> words(numbers);
  fill_words(words, own);
  const double share = static_cast<double>(rate.numbers) / static_cast<double>(size);
  for (std::size_t j = 0; j < numbers; ++j) {
    const double value = static_cast<double>(values[place(j)]);
    const double level = std::abs(value) / largest * rate.levels, below = std::floor(level);
    const double uniform = (static_cast<double>(words[j]) + 0.5) / 4294967296.0;
    const double magnitude = (below + (uniform < level - below ? 1 : 0)) / rate.levels * largest / share;
    out[place(j)] = static_cast<T>(std::copysign(magnitude, value));
  }
}

}  // namespace

QuantiserRate quantiser_rate(std::int64_t size, double bits) {
  const double ternary = std::log2(3.0), numbers = static_cast<double>(size);
  if (!(bits >= ternary)) return {};
  if (bits < ternary * numbers) {
    const double fit = std::min(std::floor(bits / ternary), numbers - 1);
    return {static_cast<std::int64_t>(fit), 1, fit * ternary};
  }
  double levels = std::floor((std::exp2(std::min(bits / numbers, 60.0)) - 1) / 2);
  levels = std::clamp(levels, 1.0, kMostLevels);
  return {size, levels, numbers * std::log2(2 * levels + 1)};
}

Quantised quantise(const at::Tensor& given, std::span<const double> bits, const StreamKey& key,
                   std::uint32_t unit, std::int64_t first) {
  const auto symbols = given.contiguous();
  const auto workers = symbols.size(0), groups = symbols.size(1), length = symbols.size(2);
  LASER_CHECK(groups <= kQuantisedGroups && bits.size() == static_cast<std::size_t>(workers));
  Quantised result{at::zeros_like(symbols), std::vector<double>(bits.size(), 0.0)};
  with_span(symbols, [&](auto from) {
    using T = std::remove_const_t<element_of<decltype(from)>>;
    const std::span<T> to(result.symbols.data_ptr<T>(), from.size());
    for (std::int64_t i = 0; i < workers; ++i) {
      const auto rate =
          quantiser_rate(length, bits[static_cast<std::size_t>(i)] / static_cast<double>(groups));
      if (rate.numbers == 0) continue;
      result.bits[static_cast<std::size_t>(i)] = rate.bits * static_cast<double>(groups);
      for (std::int64_t c = 0; c < groups; ++c) {
        StreamKey own = key;
        const auto worker = static_cast<std::uint32_t>(first + i);
        own.unit = 2 * ((unit * 65536 + worker) * static_cast<std::uint32_t>(kQuantisedGroups) +
                        static_cast<std::uint32_t>(c));
        const auto at = static_cast<std::size_t>((i * groups + c) * length);
        quantise_group<T>(std::span<const T>(from).subspan(at, static_cast<std::size_t>(length)), rate, own,
                          to.subspan(at, static_cast<std::size_t>(length)));
      }
    }
  });
  return result;
}

}  // namespace laser
