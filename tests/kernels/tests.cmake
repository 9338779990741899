# Eigen (libeigen3-dev) and Random123 (librandom123-dev) are oracles: only these tests need them.
find_package(Eigen3 REQUIRED NO_MODULE)
laser_test(kernels/normal_test LINK laser_kernels)
laser_test(kernels/normal_quality_test LABEL slow LINK laser_kernels)
laser_test(kernels/sampling_test LINK laser_kernels)
laser_test(kernels/sketching_test LINK laser_kernels)
laser_test(kernels/reduction_test LINK laser_kernels)
laser_test(kernels/magnitude_test LINK laser_kernels)
laser_test(kernels/orthonormal_test LINK laser_kernels Eigen3::Eigen)
laser_test(kernels/softmax_regression_test LINK laser_kernels)
laser_test(kernels/fused_pass_test LINK laser_kernels)
target_compile_options(kernels_fused_pass_test PRIVATE -fopenmp)  # sets the number of threads
laser_test(kernels/batch_norm_test LINK laser_kernels)
target_compile_options(kernels_batch_norm_test PRIVATE -fopenmp)  # sets the number of threads
laser_test(kernels/fused_pass_device_test LINK laser_kernels)
foreach(test normal_test fused_pass_test)  # they set the number of threads
  target_compile_options(kernels_${test} PRIVATE -fopenmp)
endforeach()
if(TARGET laser_kernels_cuda)
  laser_test(kernels/cuda_test LABEL gpu LINK laser_kernels_cuda laser_kernels)
endif()
