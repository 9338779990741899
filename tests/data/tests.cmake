laser_test(data/mnist_test LINK laser_data)
laser_test(data/cifar_test LINK laser_data)
laser_test(data/augmentation_test LINK laser_data)
laser_test(data/prefetcher_test LINK laser_data)
