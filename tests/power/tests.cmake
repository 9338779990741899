laser_test(power/schedule_test LINK laser_power)
laser_test(power/allocation_test LINK laser_power)
laser_test(power/factor_split_test LINK laser_power)
