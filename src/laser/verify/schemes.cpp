#include "laser/verify/schemes.hpp"

#include <ATen/ATen.h>

#include "laser/power/factor_split.hpp"
#include "laser/theory/channel_noise.hpp"
#include "laser/theory/convergence.hpp"
#include "laser/theory/influence.hpp"

namespace laser::verify {
namespace {

constexpr std::int64_t kRows = 24, kColumns = 40, kRank = 3, kWorkers = 4;
constexpr double kDecay = 0.8;       // of the singular values of the test matrices
constexpr double kSinglePower = 300;  // where one power is enough; SNR 0.3125 for the 24 x 40 matrix

Layout matrix_layout(std::int64_t rows, std::int64_t columns) {
  Layout layout;
  layout.add("matrix", {rows, columns});
  return layout;
}

Algorithm algorithm(const std::string& compressor, const std::string& transport = "alternating") {
  Algorithm result;
  result.compressor.name = compressor;
  result.compressor.rank = kRank;
  result.compressor.transport = transport;
  result.feedback = "none";
  return result;
}

/// Every round the same gradients [k, d].
std::function<at::Tensor(std::int64_t)> always(const at::Tensor& gradients) {
  return [gradients](std::int64_t) { return gradients; };
}

std::vector<double> norms_of(const at::Tensor& rows) {
  const auto norms = rows.norm(2, {1}).contiguous();
  return {norms.data_ptr<double>(), norms.data_ptr<double>() + norms.numel()};
}

/// Collects the subjects; each gets a seed of its own.
class List {
 public:
  explicit List(std::uint64_t seed) : seed_(seed) {}

  /// One worker, one rows x columns matrix.
  Subject one_matrix(const std::string& name, const Algorithm& chosen, std::int64_t rows = kRows,
                     std::int64_t columns = kColumns) {
    return workers(name, chosen, matrix_layout(rows, columns),
                   decaying_matrix(rows, columns, kDecay, next_seed()).view({1, -1}));
  }

  Subject workers(const std::string& name, const Algorithm& chosen, const Layout& layout,
                  const at::Tensor& gradients) {
    Subject subject;
    subject.seed = next_seed();
    subject.scheme.name = name;
    subject.scheme.layout = layout;
    subject.scheme.algorithm = chosen;
    subject.scheme.workers = gradients.size(0);
    subject.scheme.gradients = always(gradients);
    subject.powers = {kSinglePower};
    return subject;
  }

  std::uint64_t next_seed() { return derived_seed(seed_, ++count_); }
  void add(Subject subject) { subjects_.push_back(std::move(subject)); }
  std::vector<Subject> take() { return std::move(subjects_); }

 private:
  std::uint64_t seed_;
  std::uint32_t count_ = 0;
  std::vector<Subject> subjects_;
};

const std::vector<double> kSweep{30, 300, 3000, 3e4, 3e5};

void add_uncompressed(List& list) {
  const auto lemma9 = [](double power) { return theory::influence_uncompressed(kRows, kColumns, power); };
  auto fast = list.one_matrix("Z-SGD", algorithm("identity"));
  fast.source = "Lemma 9";
  fast.influence = lemma9;
  fast.powers = kSweep;
  list.add(fast);

  auto physical = list.one_matrix("Z-SGD, physical channel", algorithm("identity"));
  physical.scheme.algorithm.channel_mode = "physical";
  physical.source = "Lemma 9";
  physical.influence = lemma9;
  list.add(physical);

  auto shrunk = list.one_matrix("Z-SGD, MMSE receiver", algorithm("identity"));
  shrunk.scheme.algorithm.receiver = "mmse_genie";
  shrunk.source = "spec 1.4";
  const auto mmse = [](double power) {
    const std::vector<double> norm{1.0};
    return theory::receive_mmse(1.0, kRows * kColumns, theory::noise_std(norm, power));
  };
  shrunk.influence = [mmse](double power) { return mmse(power).error; };
  shrunk.gain = [mmse](double power) { return mmse(power).weight; };
  shrunk.unbiased = false;
  list.add(shrunk);
}

/// A noisy mini-batch gradient g = grad f + xi over the channel: E ||y - grad f||^2 / ||grad f||^2.
void add_noisy_gradient(List& list) {
  constexpr double kVariance = 0.5;  // E ||xi||^2 for ||grad f|| = 1
  auto subject = list.one_matrix("Z-SGD, noisy gradient", algorithm("identity"));
  const auto gradient = subject.scheme.gradients(0);
  const auto seed = list.next_seed();
  subject.scheme.gradients = [gradient, seed](std::int64_t round) {
    const StreamKey key{seed, Purpose::kTest, static_cast<std::uint32_t>(round), 2, 0};
    const double scale = std::sqrt(kVariance / static_cast<double>(gradient.numel()));
    return AddressedNoise().normal(gradient.sizes(), at::kDouble, key).mul_(scale).add_(gradient);
  };
  subject.scheme.signal = [gradient](const at::Tensor&) { return gradient[0]; };
  subject.source = "spec 6, Definition 1";
  subject.influence = [](double power) {
    theory::Problem problem;
    problem.gradient_variance = kVariance;
    problem.influence = theory::influence_uncompressed(kRows, kColumns, power);
    const auto noise = theory::uncompressed_noise(problem);
    return noise.factor + noise.variance;
  };
  list.add(subject);
}

void add_alternating(List& list) {
  for (const bool even : {true, false}) {
    auto subject = list.one_matrix(even ? "LASER alternating, even rounds" : "LASER alternating, odd rounds",
                                   algorithm("low_rank"));
    subject.scheme.first_round = even ? 0 : 1;
    subject.scheme.round_step = 2;
    subject.source = "spec 2.4 C";
    subject.influence = [even](double power) {
      return even ? theory::influence_alternating_even(kRows, kColumns, kRank, power)
                  : theory::influence_alternating_odd(kRows, kColumns, kRank, power);
    };
    subject.powers = kSweep;
    list.add(subject);
  }
}

/// With the basis that the round heard: the column space of the estimate.
void add_two_phase(List& list) {
  for (const double phi : {0.5, 0.3}) {
    auto subject =
        list.one_matrix(fmt::format("LASER two-phase, phi = {}", phi), algorithm("low_rank", "two_phase"));
    subject.scheme.algorithm.compressor.phase_share = phi;
    const auto message = subject.scheme.gradients(0).view({kRows, kColumns});
    subject.scheme.signal = [message](const at::Tensor& estimate) {
      const auto basis =
          std::get<0>(at::linalg_qr(estimate.view({kRows, kColumns}).narrow(1, 0, kRank).contiguous()));
      return at::mm(basis, at::mm(basis.t(), message)).view({-1});
    };
    subject.source = "spec 2.4 A";
    subject.influence = [phi](double power) {
      return theory::influence_two_phase(kRows, kColumns, kRank, power, phi);
    };
    if (phi == 0.5) subject.powers = kSweep;
    list.add(subject);
  }
}

/// Norms of the columns that a worker sends in the first round: left factor, then right factor.
std::pair<std::vector<double>, std::vector<double>> sent_norms(const Subject& subject) {
  const auto compressor = make_compressor(subject.scheme.algorithm.compressor);
  const auto& layer = subject.scheme.layout.layers[0];
  const auto shared = compressor->initial_state(layer, 0, subject.seed, at::kDouble);
  const NamedTensors constants;
  Exchange exchange{&layer,  0,          subject.seed, subject.scheme.first_round,
                    {},      &shared,    &constants,   {}};
  exchange.message = subject.scheme.gradients(0).view({1, layer.rows, layer.columns});
  const auto message = compressor->encode(exchange, 0);
  return {norms_of(message.blocks[0][0]), norms_of(message.blocks[1][0])};
}

void add_one_shot(List& list, std::int64_t rows, std::int64_t columns, std::int64_t rank, bool canonical) {
  auto subject = list.one_matrix(fmt::format("LASER one-shot{}, {} x {}, rank {}",
                                             canonical ? " canonical" : "", rows, columns, rank),
                                 algorithm("low_rank", "one_shot"), rows, columns);
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
  subject.source = "Lemmas 7, 8; spec 2.4 B";
  subject.bound = [=](double power) {
    return theory::influence_one_shot_bound(rows, columns, rank, power);
  };
  subject.bound_source = "Lemma 10";
  if (rows == kRows && columns == kColumns) subject.powers = kSweep;
  list.add(subject);
}

void add_random_k(List& list) {
  constexpr double kFactor = 0.2;
  auto subject = list.one_matrix("Random-K, cf = 0.2", algorithm("random_k"));
  subject.scheme.algorithm.compressor.compression_factor = kFactor;
  const auto message = subject.scheme.gradients(0)[0];
  // Noise leaves no received coordinate at zero: the others were not sent.
  subject.scheme.signal = [message](const at::Tensor& estimate) {
    return at::where(estimate != 0, message, at::zeros_like(message));
  };
  subject.source = "spec 6";
  subject.influence = [](double power) {
    return theory::influence_random_k(kept_coordinates(kRows * kColumns, kFactor), power);
  };
  subject.powers = kSweep;
  list.add(subject);
}

void add_blocks(List& list) {
  Layout layout = matrix_layout(kRows, kColumns);
  layout.add("bias", {kColumns});
  layout.add("square", {8, 8});
  const std::vector<std::int64_t> symbols{kRows * kColumns, kColumns, 64};
  const std::vector<double> norms{1.0, 0.3, 0.6};
  const auto gradients = at::cat({decaying_matrix(kRows, kColumns, kDecay, list.next_seed()).view({-1}),
                                  decaying_matrix(1, kColumns, 1, list.next_seed()).view({-1}) * norms[1],
                                  decaying_matrix(8, 8, kDecay, list.next_seed()).view({-1}) * norms[2]})
                             .view({1, -1});
  auto by_norm = list.workers("Z-SGD, 3 tensors, norm", algorithm("identity"), layout, gradients);
  by_norm.scheme.algorithm.allocation = "norm";
  by_norm.source = "spec 6";
  by_norm.influence = [=](double power) { return theory::influence_blocks_norm(symbols, norms, power); };
  list.add(by_norm);

  auto best = list.workers("Z-SGD, 3 tensors, norm_dim", algorithm("identity"), layout, gradients);
  best.scheme.algorithm.allocation = "norm_dim";
  best.source = "spec 3.2";
  best.influence = [=](double power) { return theory::influence_blocks_optimal(symbols, norms, power); };
  list.add(best);

  // The factor of the matrix and the bias share the budget.
  auto mixed = list.workers("LASER alternating, 3 tensors", algorithm("low_rank"), layout, gradients);
  const auto clean = noiseless_estimate(mixed.scheme, mixed.seed);
  const std::vector<double> sent{clean.narrow(0, 0, kRows * kColumns).norm().item<double>(), norms[1],
                                 clean.narrow(0, kRows * kColumns + kColumns, 64).norm().item<double>()};
  mixed.scheme.round_step = 2;
  mixed.source = "spec 6";
  mixed.influence = [=](double power) {
    const std::vector<std::int64_t> sizes{kColumns * kRank, kColumns, 8 * kRank};
    return theory::influence_blocks_norm(sizes, sent, power);
  };
  list.add(mixed);
}

void add_workers(List& list) {
  const auto layout = matrix_layout(kRows, kColumns);
  constexpr std::int64_t kSize = kRows * kColumns;
  const auto one = decaying_matrix(kRows, kColumns, kDecay, list.next_seed()).view({1, -1});
  auto equal = list.workers("Z-SGD, 4 workers, equal", algorithm("identity"), layout,
                            one.expand({kWorkers, -1}).contiguous());
  equal.source = "spec 6";
  equal.influence = [](double power) { return theory::influence_workers_equal(kSize, power, kWorkers); };
  list.add(equal);

  // Disjoint coordinates, equal norms.
  auto apart = at::zeros({kWorkers, kSize}, at::kDouble);
  constexpr std::int64_t kPart = kSize / kWorkers;
  for (std::int64_t i = 0; i < kWorkers; ++i)
    apart[i].narrow(0, i * kPart, kPart)
        .copy_(decaying_matrix(1, kPart, 1, list.next_seed()).view({-1}));
  auto orthogonal = list.workers("Z-SGD, 4 workers, orthogonal", algorithm("identity"), layout, apart);
  orthogonal.source = "spec 6";
  orthogonal.influence = [](double power) {
    return theory::influence_workers_orthogonal(kSize, power, kWorkers);
  };
  list.add(orthogonal);

  std::vector<at::Tensor> rows;
  for (std::int64_t i = 0; i < kWorkers; ++i)
    rows.push_back(decaying_matrix(kRows, kColumns, kDecay, list.next_seed()) * static_cast<double>(1 + i));
  const auto different = at::stack(rows).view({kWorkers, -1});
  auto alternating =
      list.workers("LASER alternating, 4 workers, unequal", algorithm("low_rank"), layout, different);
  alternating.scheme.round_step = 2;
  // ||Q_i|| = ||P P^T M_i||: what worker i alone would have decoded in this basis.
  std::vector<double> norms;
  for (std::int64_t i = 0; i < kWorkers; ++i) {
    Scheme alone = alternating.scheme;
    alone.workers = 1;
    alone.gradients = always(different.narrow(0, i, 1));
    norms.push_back(noiseless_estimate(alone, alternating.seed).norm().item<double>());
  }
  const double mean_norm = noiseless_estimate(alternating.scheme, alternating.seed).norm().item<double>();
  alternating.source = "spec 6";
  alternating.influence = [=](double power) {
    return theory::influence_workers(kColumns * kRank, power, norms, mean_norm);
  };
  list.add(alternating);
}

}  // namespace

std::vector<Subject> channel_subjects(std::uint64_t seed) {
  List list(seed);
  add_uncompressed(list);
  add_noisy_gradient(list);
  add_alternating(list);
  add_two_phase(list);
  add_one_shot(list, kRows, kColumns, kRank, false);
  add_one_shot(list, kRows, kColumns, kRank, true);
  add_one_shot(list, kColumns, kRows, kRank, true);
  add_one_shot(list, kRows, kRows, 1, false);
  add_random_k(list);
  add_blocks(list);
  add_workers(list);
  return list.take();
}

}  // namespace laser::verify
