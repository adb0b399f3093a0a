# SPDX-License-Identifier: Apache-2.0
# Runs PROGRAM, which holds a deliberate bug, and passes when the sanitizer printed REPORT and made it exit with an error.

string(REPLACE "|" ";" launcher "${LAUNCHER}")
execute_process(COMMAND ${launcher} "${PROGRAM}" RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "The sanitizer is silent: ${PROGRAM} ended with 0.\n${output}")
endif()
string(FIND "${output}" "${REPORT}" found)
if(found EQUAL -1)
  message(FATAL_ERROR "The sanitizer did not report '${REPORT}'; ${PROGRAM} ended with ${result}.\n${output}")
endif()
message(STATUS "Reported as it should be: ${REPORT}")
