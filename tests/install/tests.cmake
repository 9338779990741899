# The installed package, used by a project outside the tree. It needs all libraries and the command, as `make test` builds them.
if(TARGET laser_command)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME install COMMAND ${Python3_EXECUTABLE} -m unittest -v test_install WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR})
  set_tests_properties(install PROPERTIES LABELS python TIMEOUT 900
    ENVIRONMENT "LASER_BUILD=${CMAKE_BINARY_DIR};LASER_CMAKE=${CMAKE_COMMAND}")
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
# By a Python without torch: the one that starts a search is looked into as well.
find_program(LASER_PLAIN_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(NOT LASER_PLAIN_PYTHON)
  set(LASER_PLAIN_PYTHON ${Python3_EXECUTABLE})
endif()
add_test(NAME surroundings COMMAND ${LASER_PLAIN_PYTHON} -m unittest -v test_surroundings WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR})
set_tests_properties(surroundings PROPERTIES LABELS python TIMEOUT 900
  ENVIRONMENT "LASER_CMAKE=${CMAKE_COMMAND};LASER_TORCH_DIR=${TORCH_DIR}")
