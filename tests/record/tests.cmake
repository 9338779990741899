laser_test(record/json_test LINK laser_record)
laser_test(record/writer_test LINK laser_record)
laser_test(record/reader_test LINK laser_record)
laser_test(record/safetensors_test LINK laser_record)
