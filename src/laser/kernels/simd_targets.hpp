// Which instruction sets the kernels are compiled for; to be included before hwy/foreach_target.h.
//
// The kernels keep several vectors in small structs and arrays, which the sizeless vectors of SVE and of
// RISC-V cannot do; those machines run the NEON or scalar version, with the same bits. So do processors
// without AVX2, older than 2013 to 2015, and the kernels use nothing that AVX-512 got later (the bits below
// HWY_AVX3, five versions in recent releases): each version costs a fifth of the time to compile them.
#pragma once

#define HWY_DISABLED_TARGETS \
  (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_SSSE3 | HWY_SSE4 | (HWY_AVX3 - 1))
