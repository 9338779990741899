#include "laser/channel/superposition.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/kernels/reduction.hpp"
#ifdef LASER_CUDA
#include "laser/channel/cuda/noise.hpp"
#endif

namespace laser {
namespace {

/// [K, C, 1] factors of the local workers, as a tensor that broadcasts over symbols.
template <class Value>
at::Tensor factor_tensor(const at::Tensor& symbols, std::span<const Superposition> groups, std::int64_t first,
                         Value value) {
  const auto workers = symbols.size(0);
  const auto count = static_cast<std::int64_t>(groups.size());
  at::Tensor factors = at::empty({workers, count, 1}, symbols.options());
  with_span(factors, [&](auto span) {
    using T = element_of<decltype(span)>;
    for (std::int64_t i = 0; i < workers; ++i) {
      for (std::int64_t c = 0; c < count; ++c) {
        span[static_cast<std::size_t>(i * count + c)] =
            static_cast<T>(value(groups[static_cast<std::size_t>(c)], static_cast<std::size_t>(first + i)));
      }
    }
  });
  return factors;
}

/// The weight that all workers have in all groups, or NaN where they differ.
double common_weight(std::span<const Superposition> groups) {
  const double weight = groups[0].weight(0);
  for (const auto& group : groups) {
    for (std::size_t i = 0; i < group.gain.size(); ++i) {
      if (std::abs(group.weight(i) - weight) > 1e-14 * std::abs(weight)) return std::nan("");
    }
  }
  return weight;
}

/// Symbols [K, C, D] as they arrive: with the residual phase of their worker, and the one that its timing
/// makes of their place in the band. Symbols 2j and 2j + 1 are the parts of one complex symbol; of a last one
/// without a partner the real part is heard.
at::Tensor turned(const at::Tensor& symbols, const Superposition& scale, std::int64_t first) {
  if (scale.phase.empty() && scale.delay.empty()) return symbols;
  const auto workers = symbols.size(0), length = symbols.size(2), pairs = length / 2;
  const auto of_workers = [&](const std::vector<double>& values) {
    auto column = at::zeros({workers, 1, 1}, at::kDouble);
    for (std::int64_t i = 0; i < workers && !values.empty(); ++i)
      column.data_ptr<double>()[i] = values[static_cast<std::size_t>(first + i)];
    return column;
  };
  const auto phases = of_workers(scale.phase);
  const auto places =
      (at::arange(pairs, at::kDouble) + 0.5) / static_cast<double>(std::max<std::int64_t>(pairs, 1)) - 0.5;
  const auto angles = phases + of_workers(scale.delay) * (2 * std::numbers::pi * places).view({1, 1, pairs});
  const auto cosine = angles.cos().to(symbols.options()), sine = angles.sin().to(symbols.options());
  auto result = at::empty(symbols.sizes(), symbols.options());
  const auto real = symbols.slice(2, 0, 2 * pairs, 2), imaginary = symbols.slice(2, 1, 2 * pairs, 2);
  result.slice(2, 0, 2 * pairs, 2).copy_(real * cosine - imaginary * sine);
  result.slice(2, 1, 2 * pairs, 2).copy_(real * sine + imaginary * cosine);
  if (length % 2 != 0)
    result.narrow(2, length - 1, 1)
        .copy_(symbols.narrow(2, length - 1, 1) * phases.cos().to(symbols.options()));
  return result;
}

/// Symbols [K, C, D] with norms [K, C], none larger than sqrt(peak_ratio) times the rms of its group.
at::Tensor clipped(const at::Tensor& symbols, std::span<const double> norms, double peak_ratio) {
  const auto largest = (at::tensor(at::ArrayRef<double>(norms.data(), norms.size()), at::kDouble) *
                        std::sqrt(peak_ratio / static_cast<double>(symbols.size(2))))
                           .view({symbols.size(0), symbols.size(1), 1})
                           .to(symbols.options());
  return at::minimum(at::maximum(symbols, -largest), largest);
}

/// What the workers put on the air where numbers travel as energies: a worker's |u| as an amplitude of its
/// root and with a phase of its own, on the first resource element where u > 0 and on the second where u < 0.
OnAir superpose_energies(const at::Tensor& symbols, std::span<const Superposition> groups, std::int64_t first,
                         const StreamKey& phases) {
  const auto workers = symbols.size(0), count = symbols.size(1), length = symbols.size(2);
  const auto sent = symbols.abs().sqrt() *
                    factor_tensor(symbols, groups, first,
                                  [](const Superposition& s, std::size_t i) { return s.amplitude[i]; });
  const auto sent_norms = group_norms(sent);
  OnAir result{{}, std::vector<double>(static_cast<std::size_t>(workers), 0.0)};
  for (std::size_t j = 0; j < sent_norms.size(); ++j) {
    result.energy[j / static_cast<std::size_t>(count)] += sent_norms[j] * sent_norms[j];
  }
  const auto angles = at::empty({workers, count, length}, at::kDouble);
  const auto numbers = static_cast<std::size_t>(count * length);
  auto* const angle = angles.data_ptr<double>();
  for_each_piece(
      static_cast<std::size_t>(workers),
      [&](std::size_t i) {
        const auto start = (static_cast<std::size_t>(first) + i) * numbers;
        for (std::size_t j = 0; j < numbers; ++j)
          angle[i * numbers + j] = 2 * std::numbers::pi * random_uniform(phases, start + j);
      },
      numbers > 4096);
  const auto arrives = sent * factor_tensor(symbols, groups, first,
                                            [](const Superposition& s, std::size_t i) { return s.gain[i]; });
  const auto turned_by = angles.to(symbols.scalar_type());
  const auto real = arrives * turned_by.cos(), imaginary = arrives * turned_by.sin();
  const auto plus = symbols.gt(0).to(symbols.scalar_type()), minus = symbols.lt(0).to(symbols.scalar_type());
  result.sum = at::cat(
      {(real * plus).sum(0), (imaginary * plus).sum(0), (real * minus).sum(0), (imaginary * minus).sum(0)},
      1);
  return result;
}

/// [C, 4 D] received parts, with noise -> [C, D]: the difference of the energies on the two elements.
at::Tensor difference_of_energies(const at::Tensor& received) {
  const auto parts = received.view({received.size(0), 4, -1}).square();
  return parts.select(1, 0) + parts.select(1, 1) - parts.select(1, 2) - parts.select(1, 3);
}

}  // namespace

void NoiseSource::add(at::Tensor& values, std::span<const double> noise_std, const StreamKey& key) {
  const auto std =
      at::tensor(at::ArrayRef<double>(noise_std.data(), noise_std.size()), values.options().device(at::kCPU))
          .to(values.device());
  const at::Tensor draws = normal(values.sizes(), values.scalar_type(), key).to(values.device());
  values.add_(draws * std.unsqueeze(1));
}

at::Tensor AddressedNoise::normal(at::IntArrayRef sizes, at::ScalarType type, const StreamKey& key) {
  at::Tensor out = at::empty(sizes, at::TensorOptions().dtype(type));
  with_span(out, [&](auto span) { fill_normal(span, key); });
  return out;
}

void AddressedNoise::add(at::Tensor& values, std::span<const double> noise_std, const StreamKey& key) {
  if (!values.is_contiguous()) return NoiseSource::add(values, noise_std, key);
#ifdef LASER_CUDA
  if (values.is_cuda()) return cuda::add_noise(values, noise_std, key);
#endif
  if (!values.is_cpu()) return NoiseSource::add(values, noise_std, key);
  const auto add_rows = [&]<class T, class Sigma>(std::span<T> span, Sigma) {
    const std::size_t length = span.size() / noise_std.size();
    for (std::size_t c = 0; c < noise_std.size(); ++c) {
      add_normal(span.subspan(c * length, length), static_cast<Sigma>(noise_std[c]), key, c * length);
    }
  };
  if (values.scalar_type() == at::kBFloat16) {
    const auto first = static_cast<Bfloat16*>(values.data_ptr());
    return add_rows(std::span(first, static_cast<std::size_t>(values.numel())), float{});
  }
  with_span(values, [&](auto span) { add_rows(span, element_of<decltype(span)>{}); });
}

OnAir superpose_symbols(const at::Tensor& given, std::span<const Superposition> groups,
                        std::span<const double> norms, std::int64_t first, ChannelMode mode, at::Tensor place,
                        const StreamKey& phases) {
  if (groups[0].as_energies) return superpose_energies(given, groups, first, phases);
  const auto workers = given.size(0);
  const auto count = groups.size();
  at::Tensor symbols = given;
  std::vector<double> norms_left;
  if (groups[0].peak_ratio > 0) {
    symbols = clipped(given, norms, groups[0].peak_ratio);
    norms_left = group_norms(symbols);
    norms = norms_left;
  }
  OnAir result{{}, std::vector<double>(static_cast<std::size_t>(workers), 0.0)};
  if (mode == ChannelMode::kPhysical) {
    const auto sent =
        symbols * factor_tensor(symbols, groups, first,
                                [](const Superposition& s, std::size_t i) { return s.amplitude[i]; });
    const auto sent_norms = group_norms(sent);
    for (std::size_t j = 0; j < sent_norms.size(); ++j) {
      const auto& group = groups[j % count];
      const auto worker = static_cast<std::size_t>(first) + j / count;
      result.energy[j / count] += group.spent.empty() ? sent_norms[j] * sent_norms[j] : group.spent[worker];
    }
    const auto gains = factor_tensor(symbols, groups, first,
                                     [](const Superposition& s, std::size_t i) { return s.gain[i]; });
    result.sum = (turned(sent, groups[0], first) * gains).sum(0);
    return result;
  }
  for (std::size_t j = 0; j < norms.size(); ++j) {
    const auto worker = j / count;
    result.energy[worker] += groups[j % count].energy(static_cast<std::size_t>(first) + worker, norms[j]);
  }
  symbols = turned(symbols, groups[0], first);
  const double weight = common_weight(groups);
  if (std::isnan(weight)) {
    const auto weights = factor_tensor(symbols, groups, first,
                                       [](const Superposition& s, std::size_t i) { return s.weight(i); });
    result.sum = (symbols * weights).sum(0);
  } else if (place.defined() && place.sizes() == symbols[0].sizes() &&
             place.scalar_type() == symbols.scalar_type()) {
    if (workers == 1) {
      at::mul_out(place, symbols[0], at::scalar_tensor(weight, symbols.options()));
    } else {
      at::sum_out(place, symbols, 0).mul_(weight);
    }
    result.sum = place;
  } else {
    result.sum = workers == 1 ? symbols[0] * weight : symbols.sum(0).mul_(weight);
  }
  return result;
}

at::Tensor exact_symbols(const at::Tensor& symbols, std::span<const Superposition> groups,
                         std::span<const double> norms, std::int64_t first) {
  if (!groups[0].as_energies) return superpose_symbols(symbols, groups, norms, first, ChannelMode::kFast).sum;
  return (symbols * factor_tensor(symbols, groups, first,
                                  [](const Superposition& s, std::size_t i) { return s.weight(i); }))
      .sum(0);
}

void receive_symbols(at::Tensor& sum, std::span<const Superposition> groups, ChannelMode mode,
                     NoiseSource& noise, const StreamKey& key) {
  std::vector<double> noise_std;
  for (const auto& group : groups) noise_std.push_back(group.noise_std);
  const bool noisy = std::any_of(noise_std.begin(), noise_std.end(), [](double s) { return s > 0; });
  if (mode == ChannelMode::kFast && !groups[0].as_energies) {
    if (noisy) noise.add(sum, noise_std, key);
    return;
  }
  for (std::size_t c = 0; c < groups.size(); ++c) noise_std[c] = noise_std[c] > 0 ? groups[c].air_noise : 0.0;
  if (noisy) noise.add(sum, noise_std, key);
  if (groups[0].as_energies) sum = difference_of_energies(sum);
  const auto scales = at::empty({static_cast<std::int64_t>(groups.size()), 1}, at::kDouble);
  for (std::size_t c = 0; c < groups.size(); ++c) scales.data_ptr<double>()[c] = groups[c].receive_scale;
  sum.mul_(scales.to(sum.options()));
}

std::vector<double> group_norms(const at::Tensor& symbols, const Channel& channel) {
  return channel.traits().as_energies ? group_norms(symbols.abs().sqrt()) : group_norms(symbols);
}

std::vector<double> group_norms(const at::Tensor& symbols) {
  // Plain pointers: a tensor view for each of many small groups costs more than its norm.
  LASER_CHECK(symbols.device().is_cpu() && (symbols.size(2) == 1 || symbols.stride(2) == 1));
  const auto workers = symbols.size(0), count = symbols.size(1);
  const auto length = static_cast<std::size_t>(symbols.size(2));
  std::vector<double> norms;
  norms.reserve(static_cast<std::size_t>(workers * count));
  with_elements(symbols, [&](const auto* first) {
    for (std::int64_t i = 0; i < workers; ++i) {
      for (std::int64_t c = 0; c < count; ++c) {
        const auto* group = first + i * symbols.stride(0) + c * symbols.stride(1);
        norms.push_back(std::sqrt(sum_of_squares(std::span(group, length))));
      }
    }
  });
  return norms;
}

}  // namespace laser
