// SPDX-License-Identifier: Apache-2.0
//
// Random data from one seed for each run. The seed is printed at the start; HICACHE_TEST_SEED repeats a run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace hicache {

// The seed of this run.
uint64_t testSeed();

// A generator for the test that is running: it depends on the seed and the test's name, not on the order of tests.
std::mt19937_64 seeded();

void fillRandom(void* data, size_t size, uint64_t seed);

}  // namespace hicache
