laser_test(core/unexpected_test TORCH LINK laser_core)
