// SPDX-License-Identifier: Apache-2.0
// Two threads write one variable without order between them: the thread sanitizer has to report it.

#include <thread>

int main() {
  static volatile int batches = 0;  // volatile: written once in each round, and one round in sight is enough
  std::thread lane([] {
    for (int i = 0; i < 1000; ++i) batches = batches + 1;
  });
  for (int i = 0; i < 1000; ++i) batches = batches + 1;
  lane.join();
  return batches < 0;  // never decides anything: a report alone makes this program fail
}
