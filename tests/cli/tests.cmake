find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(group Names BadInput Data Tune Runs)
  add_test(NAME cli.${group} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_command.py ${group})
  set_tests_properties(cli.${group} PROPERTIES LABELS fast TIMEOUT 600
    ENVIRONMENT "LASER_COMMAND=$<TARGET_FILE:laser_command>")
endforeach()
add_test(NAME cli.completion COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_completion.py)
set_tests_properties(cli.completion PROPERTIES LABELS fast TIMEOUT 600
  ENVIRONMENT "LASER_COMMAND=$<TARGET_FILE:laser_command>")
