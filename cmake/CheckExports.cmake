# SPDX-License-Identifier: Apache-2.0
# Passes when LIBRARY exports exactly the functions that HEADER declares with HICACHE_API, and looks for other libraries only
# beside itself.

execute_process(COMMAND "${NM}" -D --defined-only "${LIBRARY}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[0-9a-f]+ [A-Za-z] [^\n]+" exported "${symbols}")
list(TRANSFORM exported REPLACE "^[0-9a-f]+ [A-Za-z] " "")
list(SORT exported)

file(READ "${HEADER}" text)
string(REGEX REPLACE ";" " " text "${text}")
string(REGEX MATCHALL "HICACHE_API [^(]*hicache_[a-z_]+\\(" declared "${text}")
list(TRANSFORM declared REPLACE "^.*[ *](hicache_[a-z_]+)\\($" "\\1")
list(SORT declared)

if(NOT exported STREQUAL declared)
  set(only_exported ${exported})
  list(REMOVE_ITEM only_exported ${declared})
  set(only_declared ${declared})
  list(REMOVE_ITEM only_declared ${exported})
  message(FATAL_ERROR "exported, not declared: ${only_exported}\ndeclared, not exported: ${only_declared}")
endif()

execute_process(COMMAND "${READELF}" -d "${LIBRARY}" OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
if(NOT dynamic MATCHES "\\(RUNPATH\\)[^\n]*\\[\\$ORIGIN\\]")
  message(FATAL_ERROR "The RUNPATH of ${LIBRARY} is not $ORIGIN:\n${dynamic}")
endif()
list(LENGTH declared count)
message(STATUS "${count} functions exported, RUNPATH $ORIGIN")
