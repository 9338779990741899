foreach(subject units path_loss budget)
  laser_test(link/${subject}_test LINK laser_link)
endforeach()
