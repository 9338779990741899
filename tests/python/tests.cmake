# The Python package: installed by `pip install .` into a fresh virtual environment, then tested from there.
if(LASER_PYTHON)
  set(installed_python ${CMAKE_SOURCE_DIR}/build/python/bin/python)
  add_test(NAME python_install COMMAND ${CMAKE_SOURCE_DIR}/scripts/install_python.sh)
  set_tests_properties(python_install PROPERTIES LABELS python TIMEOUT 600 FIXTURES_SETUP python_package RUN_SERIAL ON)
  foreach(subject package hints export settings budget parts refusals ddp ddp_kinds ddp_steps examples simulator tutorials device_round device_ranks
      portable frameworks arena doctests gpu)
    add_test(NAME python_${subject} COMMAND ${installed_python} -m unittest -v test_${subject}
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/python)
    set_tests_properties(python_${subject} PROPERTIES LABELS python TIMEOUT 600 FIXTURES_REQUIRED python_package)
  endforeach()
  set_tests_properties(python_simulator PROPERTIES ENVIRONMENT "LASER_COMMAND=$<TARGET_FILE:laser_command>")
  set_tests_properties(python_refusals python_budget python_ddp python_ddp_kinds python_ddp_steps python_device_round python_device_ranks python_portable
    python_frameworks PROPERTIES PROCESSORS 2)
  set_tests_properties(python_gpu PROPERTIES LABELS "python;gpu")
  # A wheel, built anew and installed where there is no compiler.
  add_test(NAME wheel COMMAND ${CMAKE_SOURCE_DIR}/scripts/wheel.sh)
  set_tests_properties(wheel PROPERTIES LABELS slow TIMEOUT 3600 RUN_SERIAL ON)
  # Twenty runs with many buckets, on 1, 2, 4 and 8 ranks.
  add_test(NAME python_ddp_repeated COMMAND ${installed_python} -m unittest -v test_ddp.ManyBuckets
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/python)
  set_tests_properties(python_ddp_repeated PROPERTIES LABELS slow TIMEOUT 600 FIXTURES_REQUIRED python_package
    ENVIRONMENT LASER_RUNS=20)
endif()
