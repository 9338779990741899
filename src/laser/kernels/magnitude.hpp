// The largest magnitude of many numbers, and with it whether all of them are finite, at the speed of memory.
//
// Magnitudes of floating-point numbers are in the order of their bits without the sign, with infinity above
// all finite ones and NaN above infinity: one maximum of integers answers both questions, and no number is
// lost in it as NaN is in maxima of floats.
#pragma once

#include <span>

#include "laser/core/bfloat16.hpp"

namespace laser {

/// The largest |x[i]|: infinite where one is, NaN where one is NaN, 0 without numbers. On
/// the threads of for_each_piece().
double largest_magnitude(std::span<const float> x);
double largest_magnitude(std::span<const double> x);
double largest_magnitude(std::span<const Bfloat16> x);

}  // namespace laser
