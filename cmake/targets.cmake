# Files that may look at secrets are compiled alone where tests/layering asks each object who looks: not by the scripts'
# sanitizer builds.
file(STRINGS ${PROJECT_SOURCE_DIR}/tests/layering/secret_access.txt CONCORDAT_LOOK_AT_SECRETS REGEX "^[^#]")
list(TRANSFORM CONCORDAT_LOOK_AT_SECRETS REPLACE " .*" "")
function(concordat_keep_apart)
  if(CONCORDAT_SANITIZE)
    return()
  endif()
  foreach(source IN LISTS ARGN)
    file(RELATIVE_PATH inside ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${source})
    if(inside IN_LIST CONCORDAT_LOOK_AT_SECRETS)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()

# concordat_library(NAME SOURCES a.cpp... [LINK lib...] [PRIVATE lib...])
# Includes are written from the repository root, so that every arrow between folders can be read off a file.
function(concordat_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  concordat_keep_apart(${arg_SOURCES})
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/concordat>)
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE ${arg_PRIVATE})
endfunction()

# concordat_program(NAME SOURCES main.cpp... LINK lib...)
# What the quickstart builds: every program declared so, by the one target `programs`.
function(concordat_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  concordat_keep_apart(${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  set_property(GLOBAL APPEND PROPERTY concordat_programs ${name})
endfunction()

# What only tests run is compiled lightly in a release build: a quarter less of its time, and what they test is -O2.
set(CONCORDAT_TEST_OPTIONS $<$<CONFIG:Release>:-O1>)

# concordat_test(NAME SOURCES a_test.cpp... LINK lib... [LABELS l...])
# One executable, one ctest entry: starting a process per case would cost more than the cases.
function(concordat_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE ${CONCORDAT_TEST_OPTIONS})
  if(CONCORDAT_PCH)
    target_precompile_headers(${name} REUSE_FROM concordat_test_headers)
    # GCC forgets that what is precompiled was in system headers, and warns of libstdc++'s own lines.
    target_compile_options(${name} PRIVATE
      $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread>)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 600)
endfunction()

# concordat_fuzz_target(NAME SOURCES fuzz_x.cpp LINK lib...)
# The target `fuzzers` builds all of them.
# With CONCORDAT_FUZZ: a libFuzzer binary. Without: the same entry point behind a main that replays a corpus.
function(concordat_fuzz_target name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  if(CONCORDAT_FUZZ)
    add_executable(${name} ${arg_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    add_test(NAME ${name} COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(${name} PROPERTIES LABELS "fuzz-replay" TIMEOUT 300)
  endif()
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  set_property(GLOBAL APPEND PROPERTY concordat_fuzzers ${name})
endfunction()
