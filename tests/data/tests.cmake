laser_test(data/mnist_test LINK laser_data)
laser_test(data/token_file_test LINK laser_data)
laser_test(data/unicode_test LINK laser_data)
# Texts of GPT-2's vocabulary are compared where $LASER_DATA_DIR or ../shared/data has it, and WikiText-2.
laser_test(data/byte_pair_encoder_test LINK laser_data nlohmann_json::nlohmann_json)
