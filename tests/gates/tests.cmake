# What the quick gate (make check) leaves out. In every run: the sanitizers over what needs no LibTorch, its sources and tests once more
# with ASan and UBSan in one program, the readers of files with their 500 damaged ones each among them. In the slow tests: clang-tidy,
# 10,000 damaged files, and the sanitizers over everything.
set(gate_sources)
foreach(folder src/laser/core src/laser/hash src/laser/data src/laser/record src/laser/power src/laser/theory src/laser/link apps/laser/fetch)
  file(GLOB folder_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cpp)
  list(APPEND gate_sources ${folder_sources})
endforeach()
foreach(folder data record power theory link)
  file(GLOB folder_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${folder}/*_test.cpp)
  list(APPEND gate_sources ${folder_sources})
endforeach()
# With OpenMP; those of the command, which have more sources; two with an operator new of their own, as hostile/ has.
list(FILTER gate_sources EXCLUDE REGEX "core/parallel.cpp$|theory_table_test.cpp$|theory_command_test.cpp$|record/(safetensors|out_of_memory)_test.cpp$")
add_executable(gates_sanitized ${gate_sources})  # and those of hostile/
target_compile_features(gates_sanitized PRIVATE cxx_std_20)
target_compile_definitions(gates_sanitized PRIVATE LASER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_compile_options(gates_sanitized PRIVATE -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all -ffp-contract=off
  -fsanitize=address,undefined,float-cast-overflow)
target_link_options(gates_sanitized PRIVATE -fsanitize=address,undefined)
target_include_directories(gates_sanitized PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/apps)
target_include_directories(gates_sanitized SYSTEM PRIVATE ${TORCH_DIR}/include)  # fmt
target_link_libraries(gates_sanitized PRIVATE Threads::Threads ZLIB::ZLIB CURL::libcurl OpenSSL::Crypto nlohmann_json::nlohmann_json
  GTest::gtest GTest::gtest_main)
add_test(NAME gates.sanitized COMMAND gates_sanitized)
set_tests_properties(gates.sanitized PROPERTIES LABELS fast TIMEOUT 900 ENVIRONMENT "UBSAN_OPTIONS=print_stacktrace=1")

find_program(LASER_CLANG_TIDY clang-tidy)
find_program(LASER_CLANG clang++)
if(LASER_CLANG_TIDY AND LASER_CLANG)
  add_test(NAME gates.tidy COMMAND ${CMAKE_SOURCE_DIR}/scripts/tidy.py)
  set_tests_properties(gates.tidy PROPERTIES LABELS slow TIMEOUT 7200 RUN_SERIAL ON)
endif()
foreach(kind address thread)
  add_test(NAME gates.sanitize_${kind} COMMAND ${CMAKE_SOURCE_DIR}/scripts/sanitize.sh ${kind})
  set_tests_properties(gates.sanitize_${kind} PROPERTIES LABELS slow TIMEOUT 14400 RUN_SERIAL ON)
endforeach()
