// The subjects of the recursion and the mistakes that its controls make.
#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/core/random.hpp"
#include "laser/verify/recursion_checks.hpp"

namespace laser::verify {
namespace {

constexpr std::int64_t kRows = 16, kColumns = 24, kRank = 4;
constexpr double kFactor = 0.25;    // of Random-K
constexpr double kStep = 0.1;       // gamma; curvatures lie between 0.5 and 1
constexpr double kNoiseFactor = 2;  // M
constexpr double kVariance = 1;     // sigma^2
constexpr double kInfluence = 1;    // lambda: 1 + lambda is twice what it is without the channel
constexpr double kSpread = 1.25;    // of rotated workers
constexpr double kStartEnergy = 1;  // k times that of x_0, some four times that of the stationary state

theory::Quadratic quadratic(bool equal_curvatures) {
  theory::Quadratic q{kRows, kColumns, {}};
  for (std::int64_t j = 0; j < kRows * kColumns; ++j)
    q.curvature.push_back(equal_curvatures ? 0.75 : 1 - 0.5 * static_cast<double>(j % 7) / 6);
  return q;
}

std::vector<double> start(std::int64_t workers) {
  const auto size = static_cast<std::size_t>(kRows * kColumns);
  std::vector<double> x(size);
  for (std::size_t j = 0; j < size; ++j) {
    const bool below = random_uniform({17, Purpose::kTest, 0, 7, 0}, j) < 0.5;
    x[j] = (below ? -1 : 1) * std::sqrt(kStartEnergy / static_cast<double>(workers * kRows * kColumns));
  }
  return x;
}

QuadraticSubject base(const std::string& name, const std::string& recipe, std::int64_t workers,
                      std::int64_t rounds) {
  QuadraticSubject subject;
  subject.name = fmt::format("{}, k = {}", name, workers);
  subject.quadratic = quadratic(false);
  subject.start = start(workers);
  apply(find_recipe(recipe), subject.algorithm);
  subject.algorithm.compressor.rank = kRank;
  subject.algorithm.compressor.transport = "alternating";
  subject.algorithm.compressor.warm_start = recipe != "laser";
  subject.algorithm.compressor.compression_factor = kFactor;
  subject.round.feedback = subject.algorithm.feedback == "local";
  subject.round.step = kStep;
  subject.round.workers = workers;
  subject.round.gradient_noise_factor = kNoiseFactor;
  subject.round.gradient_variance = kVariance;
  subject.round.power = 1;
  subject.rounds = rounds;
  return subject;
}

/// Gives the subject the power at which its lambda is kInfluence.
QuadraticSubject powered(QuadraticSubject subject) {
  subject.round.power = subject_influence(subject) / kInfluence;
  return subject;
}

/// One worker, or workers of exactly equal norm: the paper's channel.
QuadraticSubject zsgd(std::int64_t workers, std::int64_t rounds) {
  auto subject = base("Z-SGD", "zsgd", workers, rounds);
  if (workers > 1) {
    subject.noise = GradientNoise::kTangent;
    subject.quadratic = quadratic(true);
  }
  return powered(subject);
}

/// Both parities in turn. Several independent workers use the channel whose noise goes with the
/// mean of their energies.
QuadraticSubject laser(std::int64_t workers, std::int64_t rounds) {
  auto subject = base("LASER alternating", "laser", workers, rounds);
  subject.round.sent = theory::Sent::row_space;
  subject.round.size = kRank;
  subject.alternates = true;
  if (workers > 1) {
    subject.name += ", sum_power";
    subject.algorithm.channel = "sum_power";
  }
  return powered(subject);
}

/// Workers that see rotated gradients, on the paper's channel; even rounds only, where a rotation from the
/// right does not change what a worker sends.
QuadraticSubject rotated_laser(std::int64_t workers, std::int64_t rounds) {
  auto subject = base("LASER even rounds, rotated", "laser", workers, rounds);
  subject.round.sent = theory::Sent::row_space;
  subject.round.size = kRank;
  subject.round_step = 2;
  subject.round.kind = theory::Workers::rotated;
  subject.round.spread = kSpread;
  subject.noise = GradientNoise::kRotated;
  return powered(subject);
}

QuadraticSubject without_feedback(QuadraticSubject subject) {
  subject.name += ", no feedback";
  subject.algorithm.feedback = "none";
  subject.round.feedback = false;
  subject.repetitions = 3;  // its distance depends less on lambda
  return subject;
}

QuadraticSubject random_k(std::int64_t workers, std::int64_t rounds) {
  auto subject = base("Random-K", "randomk", workers, rounds);
  subject.round.sent = theory::Sent::coordinates;
  subject.round.size = kept_coordinates(kRows * kColumns, kFactor);
  if (workers > 1) {
    subject.name += ", sum_power";
    subject.algorithm.channel = "sum_power";
  }
  return powered(subject);
}

}  // namespace

std::vector<QuadraticSubject> recursion_subjects(std::int64_t rounds) {
  std::vector<QuadraticSubject> subjects;
  for (const std::int64_t workers : {1, 2, 4, 16}) subjects.push_back(zsgd(workers, rounds));
  for (const std::int64_t workers : {1, 2, 4, 16}) subjects.push_back(laser(workers, rounds));
  for (const std::int64_t workers : {2, 4, 16}) subjects.push_back(rotated_laser(workers, rounds));
  subjects.push_back(without_feedback(laser(1, rounds)));
  for (const std::int64_t workers : {1, 4}) subjects.push_back(random_k(workers, rounds));
  return subjects;
}

std::vector<Control> recursion_controls(std::int64_t rounds) {
  std::vector<Control> controls;
  const auto add = [&](const std::string& name, const QuadraticSubject& truth,
                       const QuadraticSubject& claimed) {
    controls.push_back({name, truth, claimed});
  };
  for (const std::int64_t workers : {1, 4}) {
    for (const auto& right : {zsgd(workers, rounds), laser(workers, rounds)}) {
      add("lambda ten times too large", right, with_influence_times(right, 0.1));
      add("1 + lambda 5 % too large", with_influence_times(right, 1 + 0.05 * (1 + kInfluence) / kInfluence),
          right);
      auto longer = right;
      longer.round.step *= 1.1;
      add("step 10 % too large", longer, right);
      auto quieter = right;
      quieter.round.gradient_noise_factor = 0;
      add("M = 0 claimed", right, quieter);
    }
    const auto right = laser(workers, rounds);
    add("no error feedback", without_feedback(right), right);
  }
  // k workers' noise falls with 1/k^2: whoever claims 1/k is wrong by a factor of k.
  const auto four = rotated_laser(4, rounds);
  add("noise falls with 1/k claimed", with_influence_times(four, 0.25), four);
  // Bases that are carried over follow the message, and what is sent is not what a fresh basis finds.
  auto warm = rotated_laser(2, rounds);
  warm.algorithm.compressor.warm_start = true;
  add("basis carried over", warm, rotated_laser(2, rounds));
  return controls;
}

}  // namespace laser::verify
