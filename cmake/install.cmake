# `cmake --install build/release --prefix DIR`: the command with its files, static libraries, headers, and laserConfig.cmake
# for find_package(laser). Nothing is built by it; examples/cpp_project shows the use.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# What most programs want: the round, training and its records, the theory. laser::aggregate alone is the round.
add_library(laser INTERFACE)
target_link_libraries(laser INTERFACE laser_train laser_theory)
target_compile_features(laser_flags INTERFACE $<INSTALL_INTERFACE:cxx_std_20>)

set(LASER_PUBLIC_MODULES core kernels power theory link data record compress feedback receive channel model collective aggregate laws train)
set(exported laser laser_flags laser_torch)
foreach(module IN LISTS LASER_PUBLIC_MODULES)
  list(APPEND exported laser_${module})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/src/laser/${module} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/laser
          FILES_MATCHING PATTERN *.hpp PATTERN cuda EXCLUDE PATTERN mpi EXCLUDE)
endforeach()
if(TARGET laser_kernels_cuda)
  list(APPEND exported laser_kernels_cuda)
endif()
foreach(target IN LISTS exported)
  string(REGEX REPLACE "^laser_" "" name ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
endforeach()
set(LASER_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/laser)
install(TARGETS ${exported} EXPORT laserTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT laserTargets NAMESPACE laser:: DESTINATION ${LASER_PACKAGE_DIR})
configure_package_config_file(cmake/laserConfig.cmake.in ${CMAKE_BINARY_DIR}/laserConfig.cmake
                              INSTALL_DESTINATION ${LASER_PACKAGE_DIR} NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/laserConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/laserConfig.cmake ${CMAKE_BINARY_DIR}/laserConfigVersion.cmake
              ${CMAKE_SOURCE_DIR}/cmake/LaserTorch.cmake DESTINATION ${LASER_PACKAGE_DIR})

# The command finds its files in ../share/laser (core/resources.cpp).
if(LASER_BUILD_COMMAND)
  set_target_properties(laser_command PROPERTIES INSTALL_RPATH ${TORCH_DIR}/lib)
  install(TARGETS laser_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY configs data DESTINATION ${CMAKE_INSTALL_DATADIR}/laser)
  install(DIRECTORY python/laser DESTINATION ${CMAKE_INSTALL_DATADIR}/laser/python FILES_MATCHING PATTERN *.py
          PATTERN __pycache__ EXCLUDE)
  install(FILES docs/laser.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
install(FILES LICENSE CITATION.cff DESTINATION ${CMAKE_INSTALL_DOCDIR})
