#include "laser/verify/schemes.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "laser/power/factor_split.hpp"
#include "laser/theory/channel_noise.hpp"
#include "laser/theory/convergence.hpp"
#include "laser/theory/influence.hpp"
#include "laser/verify/subject_list.hpp"

namespace laser::verify {
namespace {

const std::vector<double> kSweep{30, 300, 3000, 3e4, 3e5};

std::vector<double> norms_of(const at::Tensor& rows) {
  const auto norms = rows.norm(2, {1}).contiguous();
  return {norms.data_ptr<double>(), norms.data_ptr<double>() + norms.numel()};
}

void add_uncompressed(SubjectList& list) {
  const auto lemma9 = [](double power) {
    return theory::influence_uncompressed(kSchemeRows, kSchemeColumns, power);
  };
  auto fast = list.one_matrix("Z-SGD", scheme_algorithm("identity"));
  fast.source = "Lemma 9";
  fast.influence = lemma9;
  fast.powers = kSweep;
  list.add(fast);

  auto physical = list.one_matrix("Z-SGD, physical channel", scheme_algorithm("identity"));
  physical.scheme.algorithm.channel_mode = "physical";
  physical.source = "Lemma 9";
  physical.influence = lemma9;
  list.add(physical);

  auto shrunk = list.one_matrix("Z-SGD, MMSE receiver", scheme_algorithm("identity"));
  shrunk.scheme.algorithm.receiver = "mmse_genie";
  shrunk.source = "spec 1.4";
  const auto mmse = [](double power) {
    const std::vector<double> norm{1.0};
    return theory::receive_mmse(1.0, kSchemeRows * kSchemeColumns, theory::noise_std(norm, power));
  };
  shrunk.influence = [mmse](double power) { return mmse(power).error; };
  shrunk.gain = [mmse](double power) { return mmse(power).weight; };
  shrunk.unbiased = false;
  list.add(shrunk);
}

/// A noisy mini-batch gradient g = grad f + xi over the channel: E ||y - grad f||^2 / ||grad f||^2.
void add_noisy_gradient(SubjectList& list) {
  constexpr double kAdded = 0.5;  // E ||xi||^2 for ||grad f|| = 1
  auto subject = list.one_matrix("Z-SGD, noisy gradient", scheme_algorithm("identity"));
  const auto gradient = subject.scheme.gradients(0);
  const auto seed = list.next_seed();
  subject.scheme.gradients = [gradient, seed](std::int64_t round) {
    const StreamKey key{seed, Purpose::kTest, static_cast<std::uint32_t>(round), 2, 0};
    const double scale = std::sqrt(kAdded / static_cast<double>(gradient.numel()));
    return AddressedNoise().normal(gradient.sizes(), at::kDouble, key).mul_(scale).add_(gradient);
  };
  subject.scheme.signal = [gradient](const at::Tensor&) { return gradient[0]; };
  subject.source = "spec 6, Definition 1";
  subject.influence = [](double power) {
    theory::Problem problem;
    problem.gradient_variance = kAdded;
    problem.influence = theory::influence_uncompressed(kSchemeRows, kSchemeColumns, power);
    const auto noise = theory::uncompressed_noise(problem);
    return noise.factor + noise.variance;
  };
  list.add(subject);
}

void add_alternating(SubjectList& list) {
  for (const bool even : {true, false}) {
    auto subject = list.one_matrix(even ? "LASER alternating, even rounds" : "LASER alternating, odd rounds",
                                   scheme_algorithm("low_rank"));
    subject.scheme.first_round = even ? 0 : 1;
    subject.scheme.round_step = 2;
    subject.source = "spec 2.4 C";
    subject.influence = [even](double power) {
      return even ? theory::influence_alternating_even(kSchemeRows, kSchemeColumns, kSchemeRank, power)
                  : theory::influence_alternating_odd(kSchemeRows, kSchemeColumns, kSchemeRank, power);
    };
    subject.powers = kSweep;
    list.add(subject);
  }
}

/// With the basis that the round heard: the column space of the estimate.
void add_two_phase(SubjectList& list) {
  for (const double phi : {0.5, 0.3}) {
    auto subject = list.one_matrix(fmt::format("LASER two-phase, phi = {}", phi),
                                   scheme_algorithm("low_rank", "two_phase"));
    subject.scheme.algorithm.compressor.phase_share = phi;
    const auto message = subject.scheme.gradients(0).view({kSchemeRows, kSchemeColumns});
    subject.scheme.signal = [message](const at::Tensor& estimate) {
      const auto basis = std::get<0>(
          at::linalg_qr(estimate.view({kSchemeRows, kSchemeColumns}).narrow(1, 0, kSchemeRank).contiguous()));
      return at::mm(basis, at::mm(basis.t(), message)).view({-1});
    };
    subject.source = "spec 2.4 A";
    subject.influence = [phi](double power) {
      return theory::influence_two_phase(kSchemeRows, kSchemeColumns, kSchemeRank, power, phi);
    };
    if (phi == 0.5) subject.powers = kSweep;
    list.add(subject);
  }
}

/// Norms of the columns that a worker sends in the first round: left factor, then right factor.
std::pair<std::vector<double>, std::vector<double>> sent_norms(const MeasuredScheme& subject) {
  const auto compressor = make_compressor(subject.scheme.algorithm.compressor);
  const auto& layer = subject.scheme.layout.layers[0];
  const auto shared = compressor->initial_state(layer, 0, subject.seed, at::kDouble);
  const NamedTensors constants;
  Exchange exchange;
  exchange.layer = &layer;
  exchange.seed = subject.seed;
  exchange.round = subject.scheme.first_round;
  exchange.shared = &shared;
  exchange.constants = &constants;
  exchange.message = subject.scheme.gradients(0).view({1, layer.rows, layer.columns});
  form_products(*compressor, exchange);
  const auto message = compressor->encode(exchange, 0);
  return {norms_of(message.blocks[0][0]), norms_of(message.blocks[1][0])};
}

void add_one_shot(SubjectList& list, std::int64_t rows, std::int64_t columns, std::int64_t rank,
                  bool canonical) {
  auto subject = list.one_matrix(
      fmt::format("LASER {}, {} x {}, r = {}", canonical ? "canonical" : "one-shot", rows, columns, rank),
      scheme_algorithm("low_rank", "one_shot"), rows, columns);
  subject.scheme.algorithm.compressor.rank = rank;
  subject.scheme.algorithm.compressor.canonical = canonical;
  const auto [left, right] = sent_norms(subject);
  std::vector<double> kappa(left.size());
  double energy = 0;  // of M_r: its rank-one terms are orthogonal in both forms
  for (std::size_t j = 0; j < kappa.size(); ++j) energy += kappa[j] = std::pow(left[j] * right[j], 2);
  subject.influence = [=, l = left, r = right](double power) {
    const auto split = split_over_ranks(rows, columns, power, kappa);
    return theory::one_shot_noise_energy(rows, columns, l, r, split.left_energies, split.right_energies) /
           energy;
  };
  subject.source = "Lemmas 7, 8; spec 2.4 B, 3.3, 3.4";
  subject.bound = [=](double power) { return theory::influence_one_shot_bound(rows, columns, rank, power); };
  subject.bound_source = "Lemma 10";
  if (rows == kSchemeRows && columns == kSchemeColumns) subject.powers = kSweep;
  list.add(subject);
}

void add_random_k(SubjectList& list) {
  constexpr double kKept = 0.2;
  auto subject = list.one_matrix("Random-K, cf = 0.2", scheme_algorithm("random_k"));
  subject.scheme.algorithm.compressor.compression_factor = kKept;
  const auto message = subject.scheme.gradients(0)[0];
  // Noise leaves no received coordinate at zero: the others were not sent.
  subject.scheme.signal = [message](const at::Tensor& estimate) {
    return at::where(estimate != 0, message, at::zeros_like(message));
  };
  subject.source = "spec 6";
  subject.influence = [](double power) {
    return theory::influence_random_k(kept_coordinates(kSchemeRows * kSchemeColumns, kKept), power);
  };
  subject.powers = kSweep;
  list.add(subject);
}

}  // namespace

std::vector<MeasuredScheme> channel_subjects(std::uint64_t seed) {
  SubjectList list(seed);
  add_uncompressed(list);
  add_noisy_gradient(list);
  add_alternating(list);
  add_two_phase(list);
  add_one_shot(list, kSchemeRows, kSchemeColumns, kSchemeRank, false);
  add_one_shot(list, kSchemeRows, kSchemeColumns, kSchemeRank, true);
  add_one_shot(list, kSchemeColumns, kSchemeRows, kSchemeRank, true);
  add_one_shot(list, kSchemeRows, kSchemeRows, 1, false);
  add_random_k(list);
  add_blocks(list);
  add_workers(list);
  return list.take();
}

}  // namespace laser::verify
