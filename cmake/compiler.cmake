set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(CONCORDAT_CCACHE ccache)
if(CONCORDAT_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CONCORDAT_CCACHE})
  # ccache(1), "Precompiled headers": without these it passes over whatever uses one.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CONCORDAT_CCACHE})
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
                    # g++ 12 reports moved std::variant alternatives as uninitialised (GCC bug 105562 and kin);
                    # the sanitizer and valgrind runs look for the real thing.
                    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
                    # A file that is compiled within another looks like a header to it: its own types would not be its own.
                    $<$<BOOL:${CMAKE_UNITY_BUILD}>:-Wno-subobject-linkage>
                    -fstack-protector-strong -fno-omit-frame-pointer)
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT CONCORDAT_SANITIZE)
  add_compile_definitions(_FORTIFY_SOURCE=2 _GLIBCXX_ASSERTIONS)
endif()
if(CONCORDAT_SANITIZE)
  # Instrumented code makes GCC's flow-based warnings see what is not there (gcc(1), -fsanitize); the
  # other builds hold the code to -Werror.
  add_compile_options(-fsanitize=${CONCORDAT_SANITIZE} -fno-sanitize-recover=all -Wno-error)
  add_link_options(-fsanitize=${CONCORDAT_SANITIZE})
  if(CONCORDAT_SANITIZE_BUT)
    add_compile_options(-fno-sanitize=${CONCORDAT_SANITIZE_BUT})
  endif()
  if(CONCORDAT_SANITIZE MATCHES "address")
    add_compile_definitions(CONCORDAT_LEAK_CHECKER)
  endif()
endif()
if(CONCORDAT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
