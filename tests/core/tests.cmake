laser_test(core/unexpected_test TORCH LINK laser_core)
laser_test(core/machine_limits_test LINK laser_core)
