# Damaged and hostile files for every reader: 500 damaged ones for each in every run, plain and with ASan and UBSan; 10,000 with them in
# the slow tests. With -DLASER_FUZZ=ON and clang the same readers make a libFuzzer program.
set(hostile_dir ${CMAKE_CURRENT_LIST_DIR})
set(hostile_readers
  ${hostile_dir}/targets.cpp ${hostile_dir}/hostile_files.cpp ${hostile_dir}/reading.cpp
  ${CMAKE_SOURCE_DIR}/tests/known_answers/cases.cpp ${CMAKE_SOURCE_DIR}/tests/known_answers/compare.cpp
  ${CMAKE_SOURCE_DIR}/tests/known_answers/scalar_kinds.cpp
  ${CMAKE_SOURCE_DIR}/src/laser/model/shapes.cpp ${CMAKE_SOURCE_DIR}/src/laser/train/learning_rate.cpp
  ${CMAKE_SOURCE_DIR}/src/laser/train/gain_trace.cpp ${CMAKE_SOURCE_DIR}/src/laser/train/settings.cpp ${CMAKE_SOURCE_DIR}/src/laser/train/sweep_journal.cpp)

laser_test(hostile/hostile_files_test LINK laser_fetch laser_data laser_record laser_theory laser_power laser_core
  nlohmann_json::nlohmann_json)
target_sources(hostile_hostile_files_test PRIVATE ${hostile_dir}/mutation.cpp ${hostile_readers})

# Under ASan and UBSan in the one program that has their modules so: 500 in every run (gates/), 10,000 in the slow tests.
target_sources(gates_sanitized PRIVATE ${hostile_dir}/hostile_files_test.cpp ${hostile_dir}/mutation.cpp ${hostile_readers})
add_test(NAME hostile.sanitized COMMAND gates_sanitized --gtest_filter=*HostileFiles*)
set_tests_properties(hostile.sanitized PROPERTIES LABELS slow TIMEOUT 3600
  ENVIRONMENT "LASER_MUTATIONS=10000;UBSAN_OPTIONS=print_stacktrace=1")

option(LASER_FUZZ "Build laser_fuzz, libFuzzer on the readers of files (needs clang)" OFF)
if(LASER_FUZZ)
  # The readers' modules once more from their sources. parallel.cpp needs OpenMP and reads nothing.
  file(GLOB hostile_modules CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/laser/core/*.cpp
    ${CMAKE_SOURCE_DIR}/src/laser/hash/*.cpp ${CMAKE_SOURCE_DIR}/apps/laser/fetch/*.cpp
    ${CMAKE_SOURCE_DIR}/src/laser/data/*.cpp ${CMAKE_SOURCE_DIR}/src/laser/record/*.cpp
    ${CMAKE_SOURCE_DIR}/src/laser/theory/*.cpp ${CMAKE_SOURCE_DIR}/src/laser/power/*.cpp)
  list(FILTER hostile_modules EXCLUDE REGEX "core/parallel.cpp$")
  add_executable(laser_fuzz EXCLUDE_FROM_ALL ${hostile_dir}/fuzz.cpp ${hostile_readers} ${hostile_modules})
  set(fuzz_flags -fsanitize=fuzzer,address,undefined)
  target_compile_definitions(laser_fuzz PRIVATE LASER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_compile_options(laser_fuzz PRIVATE -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all ${fuzz_flags})
  target_link_options(laser_fuzz PRIVATE ${fuzz_flags})
  target_include_directories(laser_fuzz PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/apps)
  target_include_directories(laser_fuzz SYSTEM PRIVATE ${TORCH_DIR}/include)  # fmt
  target_link_libraries(laser_fuzz PRIVATE Threads::Threads ZLIB::ZLIB CURL::libcurl OpenSSL::Crypto nlohmann_json::nlohmann_json)
endif()
