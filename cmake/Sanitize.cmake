# SPDX-License-Identifier: Apache-2.0
# hicache::sanitize carries the flags of -DSANITIZE=address|undefined|thread|address,undefined, or none.

add_library(hicache_sanitize INTERFACE)
add_library(hicache::sanitize ALIAS hicache_sanitize)
if(SANITIZE)
  if(NOT SANITIZE MATCHES "^(address|undefined|thread|address,undefined)$")
    message(FATAL_ERROR "SANITIZE is '${SANITIZE}'; it takes address, undefined, thread or address,undefined.")
  endif()
  # no-sanitize-recover: a report of the undefined sanitizer fails the test instead of only being printed.
  target_compile_options(hicache_sanitize INTERFACE -fsanitize=${SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(hicache_sanitize INTERFACE -fsanitize=${SANITIZE})
endif()

# Runs a test with the addresses of the process in their usual places: gcc's thread sanitizer refuses a kernel that spreads
# them wider than it knows.
set(SANITIZE_LAUNCHER "")
if(SANITIZE STREQUAL "thread")
  find_program(SETARCH setarch REQUIRED)
  set(SANITIZE_LAUNCHER "${SETARCH}" x86_64 -R)
endif()
