foreach(subject influence condition convergence lemmas channel_noise volume)
  laser_test(theory/${subject}_test LINK laser_theory laser_power)
endforeach()
# The models' shapes, for the data volumes of spec 7.
target_sources(theory_volume_test PRIVATE ${CMAKE_SOURCE_DIR}/src/laser/model/shapes.cpp)
# The tables and sweeps of the theory command live with the command.
laser_test(theory/theory_table_test LINK laser_core nlohmann_json::nlohmann_json)
target_sources(theory_theory_table_test PRIVATE ${CMAKE_SOURCE_DIR}/apps/laser/theory_table.cpp)
target_include_directories(theory_theory_table_test PRIVATE ${CMAKE_SOURCE_DIR}/apps/laser)
