# SPDX-License-Identifier: Apache-2.0
# Finds what the benchmark needs and the core does not: CLI11 and nlohmann-json, both headers alone. Makes CLI11::CLI11 and
# nlohmann_json::nlohmann_json.

foreach(package CLI11 nlohmann_json)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "${package} is missing. Run scripts/setup.sh (Debian: libcli11-dev nlohmann-json3-dev), or leave out -DHICACHE_BENCH=ON.")
  endif()
endforeach()
