// SPDX-License-Identifier: Apache-2.0
// Overflows a signed integer: the undefined behaviour sanitizer has to report it.

#include <cstdint>
#include <limits>

int main(int argc, char**) {
  volatile int64_t length = std::numeric_limits<int64_t>::max();
  length = length + argc;
  return length == 0;  // never decides anything: a report alone makes this program fail
}
