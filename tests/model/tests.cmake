# shapes.cpp needs no Torch: compiled in, so that this test builds in a second.
laser_test(model/shapes_test LINK laser_core)
target_sources(model_shapes_test PRIVATE ${CMAKE_SOURCE_DIR}/src/laser/model/shapes.cpp)
laser_test(model/one_layer_test LINK laser_kernels laser_core)
target_sources(model_one_layer_test PRIVATE ${CMAKE_SOURCE_DIR}/src/laser/model/shapes.cpp
  ${CMAKE_SOURCE_DIR}/src/laser/model/one_layer.cpp)
laser_test(model/resnet18_test TORCH LINK laser_model)
laser_test(model/gpt2_test TORCH LINK laser_model)
target_sources(model_gpt2_test PRIVATE ${CMAKE_CURRENT_LIST_DIR}/gpt2_weights.cpp)
# The Python of the environment that holds Torch computes the same model; those tests skip where it has no numpy.
find_program(LASER_TORCH_PYTHON NAMES python3 HINTS ${TORCH_DIR}/../../../../bin NO_DEFAULT_PATH)
find_program(LASER_TORCH_PYTHON NAMES python3)
target_compile_definitions(model_gpt2_test PRIVATE LASER_TEST_PYTHON="${LASER_TORCH_PYTHON}")
laser_test(model/perceptron_test TORCH LINK laser_model)
