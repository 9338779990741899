# The runner of files in the format of spec 9 (make known-answers), and its own tests. The tensor kinds need
# the compressors and so Torch; without them the runner still serves the formulas, and calls the others unknown.
set(known_answers_dir ${CMAKE_CURRENT_LIST_DIR})
add_executable(known_answers ${known_answers_dir}/main.cpp ${known_answers_dir}/cases.cpp
  ${known_answers_dir}/compare.cpp
  ${known_answers_dir}/scalar_kinds.cpp
  ${CMAKE_SOURCE_DIR}/src/laser/model/shapes.cpp ${CMAKE_SOURCE_DIR}/src/laser/train/learning_rate.cpp)
target_link_libraries(known_answers PRIVATE laser_flags laser_theory laser_power laser_core
  nlohmann_json::nlohmann_json)
set_target_properties(known_answers PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(known_answers_only "")
if(EXISTS ${known_answers_dir}/tensor_kinds.cpp)
  target_sources(known_answers PRIVATE ${known_answers_dir}/tensor_kinds.cpp)
  target_compile_definitions(known_answers PRIVATE LASER_TENSOR_KINDS)
  target_link_libraries(known_answers PRIVATE laser_aggregate)
else()
  set(known_answers_only --only
    alpha_beta,rank_alloc,lambda,policy,lr_onecycle,lr_multistep,volume,noise_std,theory,channel_ext)
endif()
foreach(file theory-cases formula-cases)
  add_test(NAME known_answers.${file}
    COMMAND known_answers ${known_answers_only} ${CMAKE_CURRENT_SOURCE_DIR}/golden/${file}.json)
  set_tests_properties(known_answers.${file} PROPERTIES LABELS fast TIMEOUT 60)
endforeach()

laser_test(known_answers/runner_test LINK laser_core nlohmann_json::nlohmann_json)
target_sources(known_answers_runner_test PRIVATE ${known_answers_dir}/compare.cpp)
target_compile_definitions(known_answers_runner_test PRIVATE KNOWN_ANSWERS="$<TARGET_FILE:known_answers>")
add_dependencies(known_answers_runner_test known_answers)
