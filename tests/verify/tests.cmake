laser_test(verify/check_test TORCH LINK laser_verify)
laser_test(verify/channel_checks_test TORCH LINK laser_verify)
laser_test(verify/descent_test TORCH LINK laser_verify)
laser_test(verify/recursion_test TORCH LINK laser_verify)
laser_test(verify/lemma_checks_test TORCH LINK laser_verify)
laser_test(verify/link_checks_test TORCH LINK laser_verify)
# The report of the command is part of what is tested: its verdict decides the exit code.
laser_test(verify/verification_test TORCH LINK laser_verify laser_report nlohmann_json::nlohmann_json)
target_sources(verify_verification_test PRIVATE ${CMAKE_SOURCE_DIR}/apps/laser/theory_verify_report.cpp)
target_include_directories(verify_verification_test PRIVATE ${CMAKE_SOURCE_DIR}/apps/laser)
add_test(NAME python_theory_figures COMMAND ${LASER_FIGURES_PYTHON} -m unittest -v test_theory_figures
         WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/python)
set_tests_properties(python_theory_figures PROPERTIES LABELS python TIMEOUT 120)
