# LibTorch for code that computes on the CPU, whatever its build. Used by laser's own build and by laserConfig.cmake.
#
# The package file of a Torch that was built with CUDA (PyPI's wheel for Linux) ends the configuration where there is no CUDA
# toolkit, or one that does not fit it. It looks for the toolkit only where the target torch::cudart is missing, so that target is
# made here, with the toolkit's runtime where there is one. libtorch_cuda's other needs are then of no concern: link
# LASER_TORCH_LIBRARIES, not TORCH_LIBRARIES.
# CMake 3.25 (Debian 12) sets a property of a library that CUDA 13 no longer has, and ends the configuration, where a project asks for
# that version or a later one.
macro(laser_find_cuda_toolkit)
  set(laser_asked_cmake ${CMAKE_MINIMUM_REQUIRED_VERSION})
  set(CMAKE_MINIMUM_REQUIRED_VERSION 3.24)
  find_package(CUDAToolkit QUIET)
  set(CMAKE_MINIMUM_REQUIRED_VERSION ${laser_asked_cmake})
endmacro()

macro(laser_before_torch)
  if(NOT TARGET torch::cudart AND NOT TARGET torch_cpu_library)
    laser_find_cuda_toolkit()
    add_library(torch::cudart INTERFACE IMPORTED)
    if(TARGET CUDA::cudart)
      target_link_libraries(torch::cudart INTERFACE CUDA::cudart)
    endif()
  endif()
endmacro()
set(LASER_TORCH_LIBRARIES torch_cpu_library c10)
