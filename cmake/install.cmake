# What applications are built on, by `cmake --install`: concordat::client and concordat::application for
# find_package(concordat), the C library with its header for pkg-config. Not the programs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(concordat_client_io PROPERTIES EXPORT_NAME client)
set_target_properties(concordat_application_server_io PROPERTIES EXPORT_NAME application)
install(TARGETS
    concordat_application_core concordat_application_server_io concordat_asio concordat_backoff concordat_client
    concordat_client_io concordat_json_events concordat_log concordat_peer_address concordat_peer_io concordat_secret
  EXPORT concordat
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/concordat)
install(EXPORT concordat
  NAMESPACE concordat:: FILE concordat-targets.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/concordat)
install(TARGETS concordat_c_io LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

# Each at its own path: "client/agent.hpp" is what it is called in the repository, too.
file(STRINGS ${PROJECT_SOURCE_DIR}/client/public_headers.txt public_headers)
foreach(header IN LISTS public_headers)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/concordat/${folder})
endforeach()
install(FILES client/concordat.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/concordat)

configure_package_config_file(cmake/concordat-config.cmake.in ${CMAKE_BINARY_DIR}/package/concordat-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/concordat)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/concordat-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
    ${CMAKE_BINARY_DIR}/package/concordat-config.cmake ${CMAKE_BINARY_DIR}/package/concordat-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/concordat)
file(RELATIVE_PATH concordat_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/concordat.pc.in ${CMAKE_BINARY_DIR}/package/concordat.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/concordat.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
