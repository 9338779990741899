// Marks functions that both the CPU and, where a source is compiled by nvcc, the GPU run.
#pragma once

#ifdef __CUDACC__
#define LASER_HOST_DEVICE __host__ __device__
#else
#define LASER_HOST_DEVICE
#endif
