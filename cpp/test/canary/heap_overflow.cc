// SPDX-License-Identifier: Apache-2.0
// Reads one byte past a heap block: the address sanitizer has to report it.

#include <cstdlib>
#include <cstring>

int main(int argc, char**) {
  const size_t length = 16;
  auto* page = static_cast<char*>(std::malloc(length));
  std::memset(page, argc, length);
  volatile size_t past = length;
  const int value = page[past];
  std::free(page);
  return value == -1;  // never decides anything: a report alone makes this program fail
}
