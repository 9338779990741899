# shapes.cpp needs no Torch: compiled in, so that this test builds in a second.
laser_test(model/shapes_test LINK laser_core)
target_sources(model_shapes_test PRIVATE ${CMAKE_SOURCE_DIR}/src/laser/model/shapes.cpp)
