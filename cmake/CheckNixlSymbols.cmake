# SPDX-License-Identifier: Apache-2.0

# check_nixl_symbols(HEADER LIBRARY): fails the configuration when LIBRARY does not export a function nixl_capi_* that HEADER
# declares. We declare NIXL's C functions ourselves, so nothing else would notice before a call goes wrong at run time.
function(check_nixl_symbols header library)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${header}" "${library}")
  file(READ "${header}" text)
  string(REGEX MATCHALL "nixl_capi_[a-z0-9_]+[ \n]*\\(" declared "${text}")
  list(TRANSFORM declared REPLACE "[ \n]*\\($" "")
  list(REMOVE_DUPLICATES declared)
  list(LENGTH declared count)
  if(count EQUAL 0)
    message(FATAL_ERROR "${header} declares no function nixl_capi_*: the check against NIXL would prove nothing.")
  endif()

  execute_process(COMMAND "${CMAKE_NM}" -D --defined-only "${library}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  set(missing "")
  foreach(name IN LISTS declared)
    if(NOT symbols MATCHES " T ${name}\n")
      list(APPEND missing ${name})
    endif()
  endforeach()
  if(missing)
    list(JOIN missing ", " missing)
    message(FATAL_ERROR "${library} does not export: ${missing}. NIXL 1.5.1 or newer is needed; run scripts/setup.sh.")
  endif()
  message(STATUS "NIXL: all ${count} functions that we call are exported")
endfunction()
