# Every command of the documentation, the pages that the command writes about itself (test_documentation.py says how), and
# what code and pages cite (test_citations.py), which needs no command.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(group docstrings.Docstrings sizes.Sizes errors.Errors setup.Setup specification.Values)
  string(REGEX REPLACE ".*[.]" "" name ${group})
  add_test(NAME documentation.${name} COMMAND ${Python3_EXECUTABLE} -m unittest test_${group}
           WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR})
  set_tests_properties(documentation.${name} PROPERTIES LABELS python)
endforeach()
foreach(group Citations Files)
  add_test(NAME documentation.${group} COMMAND ${Python3_EXECUTABLE} -m unittest test_citations.${group}
           WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR})
  set_tests_properties(documentation.${group} PROPERTIES LABELS python)
endforeach()
if(TARGET laser_command)
  find_program(LASER_DOCUMENTATION_PYTHON NAMES python3 HINTS ${TORCH_DIR}/../../../../bin NO_DEFAULT_PATH)
  foreach(group Commands Pages Gains Generated)
    add_test(NAME documentation.${group} COMMAND ${Python3_EXECUTABLE} -m unittest test_documentation.${group}
             WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR})
    set_tests_properties(documentation.${group} PROPERTIES LABELS python TIMEOUT 600
      ENVIRONMENT "LASER_COMMAND=$<TARGET_FILE:laser_command>;LASER_TEST_PYTHON=${LASER_DOCUMENTATION_PYTHON};LASER_PACKAGE=$<BOOL:${LASER_PYTHON}>")
  endforeach()
endif()
