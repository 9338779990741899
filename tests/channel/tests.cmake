laser_test(channel/superposition_test TORCH LINK laser_channel)
