# SPDX-License-Identifier: Apache-2.0
# Everything that the project links against, and the flags that all of its targets share.
# Why each library was chosen stands in docs/dependencies.md.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What ccache asks for where headers are precompiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE_PROGRAM}")
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_path(VALIJSON_INCLUDE_DIR valijson/validator.hpp REQUIRED)
pkg_check_modules(SYSTEMC REQUIRED IMPORTED_TARGET systemc)
pkg_check_modules(HIGHWAY REQUIRED IMPORTED_TARGET libhwy)

# Debian builds SystemC as C++17: the library exports its version symbol for that standard only, so C++20 code
# has to ask for it. SC_INCLUDE_DYNAMIC_PROCESSES must be the same in every translation unit.
add_library(tilewright_systemc INTERFACE)
target_link_libraries(tilewright_systemc INTERFACE PkgConfig::SYSTEMC)
target_compile_definitions(tilewright_systemc INTERFACE SC_CPLUSPLUS=201703L SC_INCLUDE_DYNAMIC_PROCESSES)

# Flags of the project's own code.
add_library(tilewright_options INTERFACE)
target_include_directories(tilewright_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(tilewright_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
# Bit-accurate kernels name every rounding: a multiplication and an addition are never fused into one.
target_compile_options(tilewright_options INTERFACE -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 reports impossible overlaps when it inlines std::string operator+ (GCC bug 105651).
  target_compile_options(tilewright_options INTERFACE -Wno-restrict)
endif()
if(TILEWRIGHT_WERROR)
  target_compile_options(tilewright_options INTERFACE -Werror)
endif()
if(TILEWRIGHT_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # False positives in <regex>: what the sanitizers add hides from GCC 12 that a member has been set.
    target_compile_options(tilewright_options INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_compile_options(tilewright_options INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(tilewright_options INTERFACE -fsanitize=address,undefined)
endif()
if(TILEWRIGHT_FUZZ)
  # The libraries report their branches to libFuzzer; only the fuzzers have its main.
  target_compile_options(tilewright_options INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(tilewright_options INTERFACE -fsanitize=address,undefined)
endif()

# tilewright_library(NAME SOURCES... LINKS...): one static library per top-level folder.
function(tilewright_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC tilewright_options ${ARG_LINKS})
endfunction()
