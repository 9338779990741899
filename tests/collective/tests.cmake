laser_test(collective/collective_test TORCH LINK laser_aggregate)
# `mpirun laser train`, where the command was built with MPI and there is a launcher.
find_program(LASER_MPIRUN mpirun)
if(MPI_CXX_FOUND AND LASER_MPIRUN AND TARGET laser_command)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME mpi COMMAND ${Python3_EXECUTABLE} -m unittest -v test_mpi WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR})
  set_tests_properties(mpi PROPERTIES LABELS mpi TIMEOUT 600
    ENVIRONMENT "LASER_COMMAND=$<TARGET_FILE:laser_command>;LASER_MPIRUN=${LASER_MPIRUN}")
endif()
