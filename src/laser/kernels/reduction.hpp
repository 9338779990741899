// Sums whose bits do not depend on the machine: always 32 partial sums in double, added up as one fixed tree,
// for each 2^18 numbers; these sums are added in order.
//
// Element i goes to partial sum i % 32, whatever the width of the vectors; squares of floats are formed
// in double, so scales from 1e-38 to 1e38 neither overflow nor vanish. Not compensated sums: the error
// is that of double.
#pragma once

#include <cstdint>
#include <span>

namespace laser {

/// Sum of x[i]^2, accumulated in double.
double sum_of_squares(std::span<const float> x);
double sum_of_squares(std::span<const double> x);

/// Sum of x[i] y[i]; both of the same length.
double dot(std::span<const double> x, std::span<const double> y);

namespace reference {

/// The definition of dot(): 32 partial sums, then partial l takes l + 16, then l + 8, and so on.
double dot(std::span<const double> x, std::span<const double> y);

}  // namespace reference
}  // namespace laser
