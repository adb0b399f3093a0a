# SPDX-License-Identifier: Apache-2.0
# Finds NIXL's C library, the CUDA runtime and libb2; makes nixl::capi, cuda::runtime and libb2::static.
# Sets NIXL_CAPI_LIBRARY and CUDART_LIBRARY.

find_package(Threads REQUIRED)

set(nixl_prefix "${NIXL_PREFIX}")
if(NOT nixl_prefix)
  set(nixl_prefix "$ENV{NIXL_PREFIX}")
endif()
if(NOT nixl_prefix)
  set(nixl_prefix "${PROJECT_SOURCE_DIR}/.deps/nixl")
endif()
set(NIXL_CAPI_LIBRARY "")
foreach(folder . lib lib64 lib/x86_64-linux-gnu .nixl_cu12.mesonpy.libs .nixl_cu13.mesonpy.libs)
  if(EXISTS "${nixl_prefix}/${folder}/libnixl_capi.so")
    file(REAL_PATH "${nixl_prefix}/${folder}/libnixl_capi.so" NIXL_CAPI_LIBRARY)
    break()
  endif()
endforeach()
if(NOT NIXL_CAPI_LIBRARY)
  message(FATAL_ERROR "No libnixl_capi.so in ${nixl_prefix}. Run scripts/setup.sh, or pass -DNIXL_PREFIX=<folder of NIXL 1.5.1 or newer>.")
endif()
message(STATUS "NIXL: ${NIXL_CAPI_LIBRARY}")
add_library(nixl::capi SHARED IMPORTED)
set_target_properties(nixl::capi PROPERTIES IMPORTED_LOCATION "${NIXL_CAPI_LIBRARY}")

set(CUDART_LIBRARY "")
foreach(folder lib lib64)
  if(EXISTS "${CUDA_PREFIX}/${folder}/libcudart.so.13")
    file(REAL_PATH "${CUDA_PREFIX}/${folder}/libcudart.so.13" CUDART_LIBRARY)
    break()
  endif()
endforeach()
if(NOT CUDART_LIBRARY OR NOT EXISTS "${CUDA_PREFIX}/include/cuda_runtime_api.h")
  message(FATAL_ERROR "No libcudart.so.13 or cuda_runtime_api.h in ${CUDA_PREFIX}. Run scripts/setup.sh, or pass -DCUDA_PREFIX=<folder of CUDA 13>.")
endif()
add_library(cuda::runtime SHARED IMPORTED)
set_target_properties(cuda::runtime PROPERTIES IMPORTED_LOCATION "${CUDART_LIBRARY}"
                      INTERFACE_INCLUDE_DIRECTORIES "${CUDA_PREFIX}/include")

find_library(LIBB2_STATIC libb2.a)
find_path(LIBB2_INCLUDE blake2.h)
find_path(XXHASH_INCLUDE xxhash.h) # used as a header only
if(NOT LIBB2_STATIC OR NOT LIBB2_INCLUDE OR NOT XXHASH_INCLUDE)
  message(FATAL_ERROR "libb2.a, blake2.h or xxhash.h is missing. Run scripts/setup.sh (Debian: libb2-dev libxxhash-dev).")
endif()
add_library(libb2::static STATIC IMPORTED)
set_target_properties(libb2::static PROPERTIES IMPORTED_LOCATION "${LIBB2_STATIC}" INTERFACE_INCLUDE_DIRECTORIES "${LIBB2_INCLUDE}")
