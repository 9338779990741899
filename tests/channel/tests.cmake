laser_test(channel/superposition_test TORCH LINK laser_channel)
laser_test(channel/channels_test TORCH LINK laser_channel laser_theory)
