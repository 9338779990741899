laser_test(channel/superposition_test TORCH LINK laser_channel)
laser_test(channel/channels_test TORCH LINK laser_channel laser_theory)
laser_test(channel/digital_test TORCH LINK laser_channel)
