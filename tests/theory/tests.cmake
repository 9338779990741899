foreach(subject influence condition convergence lemmas channel_noise second_moments volume delays prediction)
  laser_test(theory/${subject}_test LINK laser_theory laser_power)
endforeach()
# The models' shapes, for the data volumes of spec 7.
target_sources(theory_volume_test PRIVATE ${CMAKE_SOURCE_DIR}/src/laser/model/shapes.cpp)
# The tables and sweeps of the theory command live with the command.
laser_test(theory/theory_table_test LINK laser_link laser_core nlohmann_json::nlohmann_json)
target_sources(theory_theory_table_test PRIVATE ${CMAKE_SOURCE_DIR}/apps/laser/theory_table.cpp ${CMAKE_SOURCE_DIR}/apps/laser/terminal.cpp)
target_include_directories(theory_theory_table_test PRIVATE ${CMAKE_SOURCE_DIR}/apps/laser)
# The command itself, where it is built.
if(TARGET laser_command)
  laser_test(theory/theory_command_test LINK laser_core laser_record nlohmann_json::nlohmann_json)
  target_compile_definitions(theory_theory_command_test PRIVATE LASER_COMMAND="$<TARGET_FILE:laser_command>")
  add_dependencies(theory_theory_command_test laser_command)
endif()
