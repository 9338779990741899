# Damaged and hostile files for every reader: 500 damaged ones for each here, 10,000 in the slow tests, where the readers
# are built with ASan and UBSan. With -DLASER_FUZZ=ON and clang the same readers make a libFuzzer program.
set(hostile_dir ${CMAKE_CURRENT_LIST_DIR})
set(hostile_readers
  ${hostile_dir}/targets.cpp ${hostile_dir}/hostile_files.cpp ${hostile_dir}/reading.cpp
  ${CMAKE_SOURCE_DIR}/tests/known_answers/cases.cpp ${CMAKE_SOURCE_DIR}/tests/known_answers/compare.cpp
  ${CMAKE_SOURCE_DIR}/tests/known_answers/scalar_kinds.cpp
  ${CMAKE_SOURCE_DIR}/src/laser/model/shapes.cpp ${CMAKE_SOURCE_DIR}/src/laser/train/learning_rate.cpp
  ${CMAKE_SOURCE_DIR}/src/laser/train/settings.cpp ${CMAKE_SOURCE_DIR}/src/laser/train/sweep_journal.cpp)

laser_test(hostile/hostile_files_test LINK laser_fetch laser_data laser_record laser_theory laser_power laser_core
  nlohmann_json::nlohmann_json)
target_sources(hostile_hostile_files_test PRIVATE ${hostile_dir}/mutation.cpp ${hostile_readers})

# The readers' modules once more from their sources, for flags of their own. parallel.cpp needs OpenMP and reads nothing.
file(GLOB hostile_modules CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/laser/core/*.cpp
  ${CMAKE_SOURCE_DIR}/src/laser/hash/*.cpp ${CMAKE_SOURCE_DIR}/apps/laser/fetch/*.cpp
  ${CMAKE_SOURCE_DIR}/src/laser/data/*.cpp ${CMAKE_SOURCE_DIR}/src/laser/record/*.cpp
  ${CMAKE_SOURCE_DIR}/src/laser/theory/*.cpp ${CMAKE_SOURCE_DIR}/src/laser/power/*.cpp)
list(FILTER hostile_modules EXCLUDE REGEX "core/parallel.cpp$")

# hostile_program(<name> FLAGS <flags of compiler and linker> SOURCES <files>): built when it is asked for.
function(hostile_program name)
  cmake_parse_arguments(ARG "" "" "FLAGS;SOURCES" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_SOURCES} ${hostile_readers} ${hostile_modules})
  target_compile_definitions(${name} PRIVATE LASER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_compile_options(${name} PRIVATE -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all ${ARG_FLAGS})
  target_link_options(${name} PRIVATE ${ARG_FLAGS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/apps)
  target_include_directories(${name} SYSTEM PRIVATE ${TORCH_DIR}/include)  # fmt
  target_link_libraries(${name} PRIVATE Threads::Threads ZLIB::ZLIB CURL::libcurl OpenSSL::Crypto
    nlohmann_json::nlohmann_json)
endfunction()

hostile_program(hostile_files_sanitized FLAGS -fsanitize=address,undefined,float-cast-overflow
  SOURCES ${hostile_dir}/hostile_files_test.cpp ${hostile_dir}/mutation.cpp)
target_link_libraries(hostile_files_sanitized PRIVATE GTest::gtest GTest::gtest_main)
add_test(NAME hostile.build_sanitized
  COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target hostile_files_sanitized)
set_tests_properties(hostile.build_sanitized PROPERTIES LABELS slow TIMEOUT 1800 FIXTURES_SETUP hostile_sanitized
  RUN_SERIAL ON)
add_test(NAME hostile.sanitized COMMAND hostile_files_sanitized)
set_tests_properties(hostile.sanitized PROPERTIES LABELS slow TIMEOUT 3600 FIXTURES_REQUIRED hostile_sanitized
  ENVIRONMENT "LASER_MUTATIONS=10000;UBSAN_OPTIONS=print_stacktrace=1")

option(LASER_FUZZ "Build laser_fuzz, libFuzzer on the readers of files (needs clang)" OFF)
if(LASER_FUZZ)
  hostile_program(laser_fuzz FLAGS -fsanitize=fuzzer,address,undefined SOURCES ${hostile_dir}/fuzz.cpp)
endif()
