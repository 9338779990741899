// Which instruction sets the kernels are compiled for; to be included before hwy/foreach_target.h.
//
// The kernels keep several vectors in small structs and arrays, which the sizeless vectors of SVE and of
// RISC-V cannot do; those machines run the NEON or scalar version, with the same bits.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
