# Debian 12 packages only. Why each is here: README.md, "Dependencies".
set(Boost_USE_DEBUG_RUNTIME OFF)
find_package(Boost 1.81 REQUIRED COMPONENTS url)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(cbor REQUIRED IMPORTED_TARGET libcbor)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(p11_kit REQUIRED p11-kit-1)  # its header alone

# Boost.Asio's inline functions, everywhere the same: no deprecated names, no surprises between files.
add_library(concordat_asio INTERFACE)
target_link_libraries(concordat_asio INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(concordat_asio INTERFACE BOOST_ASIO_NO_DEPRECATED)
