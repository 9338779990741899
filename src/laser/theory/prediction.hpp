// What sending the difference to a shared estimate saves (T4 of docs/swept.md).
//
// Server and workers hold H = u + n, u the message and n the noise of earlier rounds, whose energies are 1
// and lambda'. A worker sends u - rho H and the server adds rho H: unbiased for every rho. The noise of a
// round is lambda times the energy of what is sent, lambda the influence factor of sending u itself. `fresh`
// is the share of a message's energy that H cannot know: what is the worker's own, or came since.
#pragma once

namespace laser::theory {

/// Noise energy of the next estimate over the energy of a message, lambda (fresh + (1 - fresh)(1 - rho)^2 +
/// rho^2 held_noise), where `held_noise` is that of the estimate held (docs/swept.md, T4). Throws Error
/// (configuration) unless lambda and held_noise are finite, 0 or above, and rho and fresh from 0 to 1.
[[nodiscard]] double predicted_noise(double lambda, double rho, double held_noise, double fresh = 0);

/// Its fixed point, where a run of many rounds ends: lambda (fresh + (1 - fresh)(1 - rho)^2)/(1 - lambda
/// rho^2); with rho = 1/(1 + lambda) and nothing fresh lambda^3/(1 + lambda + lambda^2). Infinite where
/// lambda rho^2 is 1 or more (docs/swept.md, T4). Throws Error (configuration) likewise.
[[nodiscard]] double settled_noise(double lambda, double rho, double fresh = 0);

/// The same where rho is best in every round, rho = (1 - fresh)/(1 - fresh + lambda'): max(0, lambda - 1)
/// where nothing is fresh, else the larger root of l^2 + l ((1 - fresh) - lambda) - lambda fresh (1 - fresh)
/// = 0 (docs/swept.md, T4). Throws Error (configuration) likewise.
[[nodiscard]] double matched_noise(double lambda, double fresh = 0);

}  // namespace laser::theory
