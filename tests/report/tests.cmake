laser_test(report/paper_values_test LINK laser_report)
laser_test(report/paper_curves_test LINK laser_report nlohmann_json::nlohmann_json)
laser_test(report/power_needed_test LINK laser_report)
laser_test(report/best_rate_test LINK laser_report)
laser_test(report/conclusion_test LINK laser_report)
laser_test(report/gain_test LINK laser_report nlohmann_json::nlohmann_json)
laser_test(report/report_test LINK laser_report)
laser_test(report/spectra_test LINK laser_report)
laser_test(report/table_test LINK laser_report)
laser_test(report/three_axes_test LINK laser_report)
laser_test(report/tuned_test LINK laser_report nlohmann_json::nlohmann_json)
laser_test(report/write_report_test LINK laser_report)

# Figures are drawn by the Python of the environment that holds Torch; their tests skip where it has no matplotlib.
find_program(LASER_FIGURES_PYTHON NAMES python3 HINTS ${TORCH_DIR}/../../../../bin NO_DEFAULT_PATH)
find_program(LASER_FIGURES_PYTHON NAMES python3)
target_compile_definitions(report_write_report_test PRIVATE LASER_TEST_PYTHON="${LASER_FIGURES_PYTHON}")
add_test(NAME python_figures COMMAND ${LASER_FIGURES_PYTHON} -m unittest -v test_figures
         WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/python)
set_tests_properties(python_figures PROPERTIES LABELS python TIMEOUT 300)
add_test(NAME python_bench_figures COMMAND ${LASER_FIGURES_PYTHON} -m unittest -v test_bench_figures
         WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/python)
set_tests_properties(python_bench_figures PROPERTIES LABELS python TIMEOUT 120)
add_test(NAME python_gain_figures COMMAND ${LASER_FIGURES_PYTHON} -m unittest -v test_gain_figures
         WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/python)
set_tests_properties(python_gain_figures PROPERTIES LABELS python TIMEOUT 120)
add_test(NAME python_tuned_figures COMMAND ${LASER_FIGURES_PYTHON} -m unittest -v test_tuned_figures
         WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/python)
set_tests_properties(python_tuned_figures PROPERTIES LABELS python TIMEOUT 120)
add_test(NAME python_page_figures COMMAND ${LASER_FIGURES_PYTHON} -m unittest -v test_page_figures
         WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/python)
set_tests_properties(python_page_figures PROPERTIES LABELS python TIMEOUT 300)
