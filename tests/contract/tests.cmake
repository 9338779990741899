laser_test(contract/compressor_laws_test TORCH LINK laser_aggregate)
laser_test(contract/channel_laws_test TORCH LINK laser_aggregate)
laser_test(contract/number_laws_test TORCH LINK laser_aggregate)
