// When a run over the air is stable: what noise that follows the messages does (T1 of docs/swept.md), and
// what two delays before a step do (T3). Both on quadratic models; nothing here is measured.
#pragma once

#include <span>

namespace laser::theory {

/// Stochastic gradient descent with step `step` on 1/2 sum_j h_j w_j^2, whose k workers send equal gradients
/// over the air with power P each. A scale by the norm makes the noise follow the message: the variance of
/// every number is |H w|^2/(k^2 P). The mean square is stable iff sum_j step h_j/(2 - step h_j) < k^2 P: this
/// is the sum; infinite where a step h_j is 2 or more (docs/swept.md, T1). Throws Error (configuration)
/// unless `step` is above 0 and the `curvatures` h_j are finite, none below 0, and one above.
[[nodiscard]] double self_excitation(std::span<const double> curvatures, double step);

/// The step at which self_excitation() is k^2 P, for `received` = k^2 P: about 2 k^2 P/tr H where that is
/// small, 2/h_max where power is ample (docs/swept.md, T1). Throws Error (configuration) as above and unless
/// `received` is above 0.
[[nodiscard]] double largest_step(std::span<const double> curvatures, double received);

/// Two exponential averages of `first` and `second` rounds, one after the other, before a step: u <- u +
/// (g - u)/first, H <- H + (m - H)/second with m = u + lead (g - u), w <- w - step H and g = h w. The
/// smallest step x h at which it stops being stable, exactly; infinite where none does below 1e6. With long
/// averages and no lead it is 1/first + 1/second (docs/swept.md, T3). Throws Error (configuration) unless
/// both are 1 or more and the lead is from 0 to 1.
[[nodiscard]] double delay_threshold(double first, double second, double lead);

/// The lead from which on two long averages are stable at every step: second/(first + second)
/// (docs/swept.md, T3). Throws Error (configuration) unless both are 1 or more.
[[nodiscard]] double least_lead(double first, double second);

}  // namespace laser::theory
