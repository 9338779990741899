# `cmake --install build/release --prefix DIR`: the command with its files, static libraries, public headers, and laserConfig.cmake
# for find_package(laser). Nothing is built by it; examples/cpp_project shows the use.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# What a program of somebody else's may include, component by component; a header among them includes no other than these. All else is
# the library's own business. laser/laser.hpp is all of them.
set(LASER_HEADERS_round
    core/error core/factors core/layout core/part core/random compress/compressor compress/compressor_options feedback/feedback receive/receiver
    channel/channel channel/link_options channel/noise power/allocation collective/collective aggregate/algorithm aggregate/parts
    aggregate/aggregator laws/laws)
set(LASER_HEADERS_theory theory/influence theory/convergence theory/condition theory/volume)
set(LASER_HEADERS_link link/units link/path_loss link/budget)
set(LASER_COMPONENTS round theory link)

# laser::round, laser::theory, laser::link, and laser::laser, which is all three.
add_library(laser_round INTERFACE)
target_link_libraries(laser_round INTERFACE laser_aggregate laser_laws)
add_library(laser INTERFACE)
target_link_libraries(laser INTERFACE laser_round laser_theory laser_link)
target_compile_features(laser_flags INTERFACE $<INSTALL_INTERFACE:cxx_std_20>)
install(FILES src/laser/laser.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/laser)
foreach(component IN LISTS LASER_COMPONENTS)
  foreach(header IN LISTS LASER_HEADERS_${component})
    get_filename_component(folder ${header} DIRECTORY)
    install(FILES src/laser/${header}.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/laser/${folder})
  endforeach()
endforeach()
set(exported laser laser_flags laser_torch laser_round)
foreach(module core kernels compress feedback receive channel power collective aggregate laws theory link)
  list(APPEND exported laser_${module})
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
