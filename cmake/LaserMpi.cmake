# Finds MPI where a program can be compiled and linked with it (MPI_CXX_FOUND), and goes on without it everywhere else. What an
# earlier search found is not believed: `make build` after `apt-get install libopenmpi-dev` finds it.
set(MPI_CXX_FOUND FALSE)
execute_process(COMMAND ${CMAKE_COMMAND} --fresh -S ${CMAKE_CURRENT_LIST_DIR}/probe_mpi -B ${CMAKE_BINARY_DIR}/probe_mpi
                -G ${CMAKE_GENERATOR} -DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM} -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
                RESULT_VARIABLE laser_mpi_status OUTPUT_QUIET ERROR_QUIET)
if(laser_mpi_status EQUAL 0)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR}/probe_mpi
                  RESULT_VARIABLE laser_mpi_status OUTPUT_QUIET ERROR_QUIET)
endif()
if(laser_mpi_status EQUAL 0)
  find_package(MPI COMPONENTS CXX)
else()
  message(STATUS "MPI: no headers and libraries to build with; `mpirun laser train` is left out (libopenmpi-dev brings it)")
endif()
