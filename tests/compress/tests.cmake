laser_test(compress/lag_test TORCH LINK laser_compress)
laser_test(compress/top_k_projection_test TORCH LINK laser_compress)
laser_test(compress/top_k_mean_test TORCH LINK laser_compress)
laser_test(compress/others_test TORCH LINK laser_aggregate)
