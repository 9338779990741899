laser_test(data/mnist_test LINK laser_data)
