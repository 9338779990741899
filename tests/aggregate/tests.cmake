laser_test(aggregate/aggregator_test TORCH LINK laser_aggregate)
laser_test(aggregate/weighted_test TORCH LINK laser_aggregate)
laser_test(aggregate/digital_test TORCH LINK laser_laws)
laser_test(aggregate/held_test TORCH LINK laser_aggregate)
