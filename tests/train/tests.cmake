# learning_rate.cpp needs no Torch: compiled in, so that this test builds in a second.
laser_test(train/learning_rate_test LINK laser_core)
target_sources(train_learning_rate_test PRIVATE ${CMAKE_SOURCE_DIR}/src/laser/train/learning_rate.cpp)
laser_test(train/experiment_test TORCH LINK laser_train)
laser_test(train/trainer_test TORCH LINK laser_train)
laser_test(train/survival_test TORCH LINK laser_train)
