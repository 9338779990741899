find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(group Names BadInput Data Demo Tune Runs)
  add_test(NAME cli.${group} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_command.py ${group})
  set_tests_properties(cli.${group} PROPERTIES LABELS fast TIMEOUT 600
    ENVIRONMENT "LASER_COMMAND=$<TARGET_FILE:laser_command>")
endforeach()
foreach(file streams places told memory hints link trace own_data wrong_inputs study_cost)
  add_test(NAME cli.${file} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_${file}.py)
  set_tests_properties(cli.${file} PROPERTIES LABELS fast TIMEOUT 900 ENVIRONMENT
    "LASER_COMMAND=$<TARGET_FILE:laser_command>;LASER_PYTHON=${TORCH_DIR}/../../../../bin/python3")
endforeach()
add_test(NAME cli.completion COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_completion.py)
set_tests_properties(cli.completion PROPERTIES LABELS fast TIMEOUT 600
  ENVIRONMENT "LASER_COMMAND=$<TARGET_FILE:laser_command>")
# The browser is driven by a package of the environment that draws the figures.
add_test(NAME cli.pages COMMAND ${TORCH_DIR}/../../../../bin/python3 ${CMAKE_CURRENT_LIST_DIR}/test_pages.py)
set_tests_properties(cli.pages PROPERTIES LABELS fast TIMEOUT 900 ENVIRONMENT
  "LASER_COMMAND=$<TARGET_FILE:laser_command>;LASER_PYTHON=${TORCH_DIR}/../../../../bin/python3")
