#include "laser/theory/second_moments.hpp"

#include <algorithm>
#include <cmath>

#include "laser/core/arguments.hpp"

namespace laser::theory {
namespace {

using Reals = std::vector<double>;

/// A random projection P that is symmetric under exchange and sign of the directions, on a space of `size`
/// dimensions: what its first two moments make of a message.
struct Projection {
  double kept = 1;   // E P = kept 1
  double alpha = 1;  // E (P m)_i^2 = alpha E m_i^2 + beta sum_a E m_a^2
  double beta = 0;
  double same = 0;   // E P_ii P_ii
  double other = 0;  // E P_ii P_aa, a != i
};

/// On r random directions of R^n, uniformly distributed: the squared length of the projection of a unit
/// vector is Beta(r/2, (n - r)/2).
Projection random_subspace(double r, double n) {
  Projection p;
  p.kept = r / n;
  p.same = r * (r + 2) / (n * (n + 2));
  if (n > 1) {
    p.beta = (p.kept - p.same) / (n - 1);
    p.other = (r * r / n - p.same) / (n - 1);
  }
  p.alpha = p.same - p.beta;
  return p;
}

/// On b of n coordinates.
Projection random_coordinates(double b, double n) {
  Projection p;
  p.kept = p.alpha = p.same = b / n;
  p.other = n > 1 ? b * (b - 1) / (n * (n - 1)) : 0;
  return p;
}

/// Sums over the entries of a row-major m x n matrix that share a row, a column, or everything.
struct Sums {
  Reals rows, columns;
  double all = 0;

  Sums(const Reals& values, std::int64_t m, std::int64_t n)
      : rows(static_cast<std::size_t>(m)), columns(static_cast<std::size_t>(n)) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      rows[j / columns.size()] += values[j];
      columns[j % columns.size()] += values[j];
      all += values[j];
    }
  }
};

Projection projection_of(const Quadratic& q, const QuadraticRound& round) {
  const auto size = static_cast<double>(round.size);
  switch (round.sent) {
    case Sent::row_space:
      return random_subspace(size, static_cast<double>(q.rows));
    case Sent::column_space:
      return random_subspace(size, static_cast<double>(q.columns));
    case Sent::coordinates:
      return random_coordinates(size, static_cast<double>(q.rows * q.columns));
    default:
      return {};
  }
}

double symbols(const Quadratic& q, const QuadraticRound& round) {
  const auto size = static_cast<double>(round.size);
  switch (round.sent) {
    case Sent::row_space:
      return size * static_cast<double>(q.columns);
    case Sent::column_space:
      return size * static_cast<double>(q.rows);
    case Sent::coordinates:
      return size;
    default:
      return static_cast<double>(q.rows * q.columns);
  }
}

/// E (P m)_ij^2 of every entry.
Reals projected(const Quadratic& q, const QuadraticRound& round, const Reals& energy) {
  const auto p = projection_of(q, round);
  const Sums sums(energy, q.rows, q.columns);
  const auto n = static_cast<std::size_t>(q.columns);
  Reals result(energy.size());
  for (std::size_t j = 0; j < energy.size(); ++j) {
    result[j] = p.alpha * energy[j];
    if (round.sent == Sent::row_space) result[j] += p.beta * sums.columns[j % n];
    if (round.sent == Sent::column_space) result[j] += p.beta * sums.rows[j / n];
  }
  return result;
}

/// E nu_ij^2 of every entry; `own` is the energy of one worker's message. Per symbol the noise has the
/// variance (energy of what one worker sends)/(k^2 P), and it comes back through the same projection.
Reals channel_noise(const Quadratic& q, const QuadraticRound& round, const Reals& own) {
  const auto p = projection_of(q, round);
  const Sums sums(own, q.rows, q.columns);
  const auto n = static_cast<std::size_t>(q.columns);
  const auto k = static_cast<double>(round.workers);
  Reals result(own.size());
  for (std::size_t j = 0; j < own.size(); ++j) {
    double sent = sums.all;  // E of [entry reached] x [energy sent]
    if (round.sent != Sent::everything) {
      const double along = round.sent == Sent::row_space      ? sums.rows[j / n]
                           : round.sent == Sent::column_space ? sums.columns[j % n]
                                                              : own[j];
      sent = p.same * along + p.other * (sums.all - along);
    }
    result[j] = sent / (k * k * round.power);
  }
  return result;
}

void check(const Quadratic& q, const QuadraticRound& round, const SecondMoments& moments) {
  require_matrix(q.rows, q.columns);
  const auto size = static_cast<std::size_t>(q.rows * q.columns);
  require_length("the list of curvatures", q.curvature.size(), size);
  for (const auto* list : {&moments.iterate, &moments.cross, &moments.memory, &moments.own_memory})
    require_length("a list of moments", list->size(), size);
  const auto most = round.sent == Sent::coordinates ? q.rows * q.columns
                    : round.sent == Sent::row_space ? q.rows
                                                    : q.columns;
  if (round.sent != Sent::everything && (round.size < 1 || round.size > most))
    fail(ExitCode::kConfiguration, "a projection on {} directions does not fit: 1 to {} are possible",
         round.size, most);
  require_positive("the step size", round.step);
  require_at_least("the number of workers k", round.workers, 1);
  require_nonnegative("the gradient noise factor M", round.gradient_noise_factor);
  require_nonnegative("the gradient variance sigma^2", round.gradient_variance);
  if (!(round.power > 0))
    fail(ExitCode::kConfiguration, "the power P is {}: it must be above 0", round.power);
  if (!(round.spread >= 1))
    fail(ExitCode::kConfiguration, "the spread is {}: it must be at least 1", round.spread);
}

}  // namespace

SecondMoments SecondMoments::at(const std::vector<double>& point) {
  SecondMoments moments;
  for (const double x : point) moments.iterate.push_back(x * x);
  moments.cross.assign(point.size(), 0.0);
  moments.memory = moments.own_memory = moments.cross;
  return moments;
}

MomentTotals totals(const Quadratic& quadratic, const SecondMoments& moments) {
  MomentTotals sum;
  for (std::size_t j = 0; j < quadratic.curvature.size(); ++j) {
    const double c = quadratic.curvature[j];
    const double distance = moments.iterate[j] - 2 * moments.cross[j] + moments.memory[j];
    sum.gap += c * moments.iterate[j] / 2;
    sum.distance += distance;
    sum.virtual_gap += c * distance / 2;
    sum.squared_gradient += c * c * moments.iterate[j];
    sum.memory += moments.memory[j];
    sum.own_memory += moments.own_memory[j];
  }
  return sum;
}

double round_influence(const Quadratic& quadratic, const QuadraticRound& round) {
  return symbols(quadratic, round) / round.power;
}

SecondMoments advance(const Quadratic& quadratic, const QuadraticRound& round, const SecondMoments& moments) {
  check(quadratic, round, moments);
  const auto size = quadratic.curvature.size();
  const double gamma = round.step;
  const double k = round.kind == Workers::independent ? static_cast<double>(round.workers) : 1;
  Reals mean(size), own(size), along(size);  // E M_ij^2 of the mean and of one worker, E x_ij M_ij
  for (std::size_t j = 0; j < size; ++j) {
    const double c = quadratic.curvature[j];
    const double gradient = c * c * moments.iterate[j];
    const double noise =
        round.gradient_noise_factor * gradient + round.gradient_variance / static_cast<double>(size);
    const double message = 2 * gamma * c * moments.cross[j] + gamma * gamma * gradient;
    mean[j] = moments.memory[j] + message + gamma * gamma * noise / k;
    own[j] = round.kind == Workers::rotated ? round.spread * mean[j]
                                            : moments.own_memory[j] + message + gamma * gamma * noise;
    along[j] = moments.cross[j] + gamma * c * moments.iterate[j];
  }
  const double kept = projection_of(quadratic, round).kept;
  const auto sent = projected(quadratic, round, mean), own_sent = projected(quadratic, round, own);
  const auto noise = channel_noise(quadratic, round, own);
  SecondMoments next = moments;
  for (std::size_t j = 0; j < size; ++j) {
    next.iterate[j] = moments.iterate[j] - 2 * kept * along[j] + sent[j] + noise[j];
    next.cross[j] = round.feedback ? (1 - kept) * along[j] - (kept * mean[j] - sent[j]) : 0.0;
    next.memory[j] = round.feedback ? (1 - 2 * kept) * mean[j] + sent[j] : 0.0;
    next.own_memory[j] = round.feedback ? (1 - 2 * kept) * own[j] + own_sent[j] : 0.0;
  }
  return next;
}

}  // namespace laser::theory
