laser_test(aggregate/aggregator_test TORCH LINK laser_aggregate)
