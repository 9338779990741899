// Orthonormal columns: the orth(A) of the low-rank compressors (spec 2.2).
//
// Modified Gram-Schmidt, twice, in double whatever the type of the matrix: for the tall, narrow factors of a
// compressor this beats Householder reflections and is as orthogonal. Not a general QR: R is not returned.
#pragma once

#include <cstdint>

#include "laser/core/random.hpp"

namespace laser {

/// Replaces the row-major matrix a [rows, columns], columns <= min(rows, 64), by the Q of its thin QR
/// decomposition with R_jj > 0 (spec 2.2), and returns how many columns had to be replaced: a column that is
/// zero, or whose norm falls below 1e-12 of itself when its part along earlier columns is taken away, becomes
/// a pseudo-random direction from stream `replacement` orthogonal to them. A non-finite entry makes its
/// column and all later ones NaN.
template <class T>
std::int64_t orthonormalise(T* a, std::int64_t rows, std::int64_t columns, const StreamKey& replacement);

namespace reference {

/// The same without vectors, column scaling or replacements, in long double; a must have full column rank.
template <class T>
void orthonormalise(T* a, std::int64_t rows, std::int64_t columns);

}  // namespace reference
}  // namespace laser
