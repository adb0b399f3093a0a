// SPDX-License-Identifier: Apache-2.0
// Reads one byte past a heap block: the address sanitizer has to report it.

#include <cstdlib>
#include <cstring>

int main(int argc, char**) {
  volatile size_t asked = 16;  // so that the undefined behaviour sanitizer does not see it first
  const size_t length = asked;
  auto* page = static_cast<char*>(std::malloc(length));
  std::memset(page, argc, length);
  volatile size_t past = length;
  const int value = page[past];
  std::free(page);
  return value == -1;  // never decides anything: a report alone makes this program fail
}
