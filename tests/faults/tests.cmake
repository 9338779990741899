# The command under failing calls, a full disk and signals: a sample here, all of them in the slow tests.
if(TARGET laser_command AND UNIX AND NOT APPLE)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_library(laser_fault_shim SHARED ${CMAKE_CURRENT_LIST_DIR}/shim.cpp)
  target_link_libraries(laser_fault_shim PRIVATE laser_flags ${CMAKE_DL_LIBS})
  set(faults_environment "LASER_COMMAND=$<TARGET_FILE:laser_command>"
    "LASER_FAULT_SHIM=$<TARGET_FILE:laser_fault_shim>")
  foreach(group FailingCalls FullDisk Signals)
    set(faults_command ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_faults.py ${group})
    add_test(NAME faults.${group} COMMAND ${faults_command})
    set_tests_properties(faults.${group} PROPERTIES LABELS python TIMEOUT 600 ENVIRONMENT "${faults_environment}")
  endforeach()
  foreach(group FailingCalls Signals)
    set(faults_command ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_faults.py ${group})
    add_test(NAME faults.${group}.all COMMAND ${faults_command})
    set_tests_properties(faults.${group}.all PROPERTIES LABELS slow TIMEOUT 7200
      ENVIRONMENT "${faults_environment};LASER_FAULT_POINTS=100000;LASER_SIGNALS=200")
  endforeach()
endif()
