// SPDX-License-Identifier: Apache-2.0
//
// Small facts that the kernel knows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hicache {

// Name of the file system below an open descriptor: ext4, xfs, tmpfs, ..., or its magic number.
std::string fileSystemName(int fd);

// Whether hosts share a file system of that name, or may: its mappings and locks are not those of one machine.
bool isShared(std::string_view file_system);

// Different after each start of the machine, the same for all processes and containers on it.
std::string bootId();

// From the kernel's generator.
uint64_t randomNumber();

}  // namespace hicache
