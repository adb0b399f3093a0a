// SPDX-License-Identifier: Apache-2.0
//
// Mounts that only one test sees.
#pragma once

#include <functional>
#include <string>

namespace hicache {

// Runs body with a file system of type tmpfs, of at most this many bytes, mounted on a directory; for the calling process it
// exists in the thread that runs body and in those that it starts. Returns why that is not allowed here; empty when body ran.
std::string withSmallDisk(const std::string& directory, size_t bytes, const std::function<void()>& body);

// The same in the test that runs, as root here, else as root of a child's own user namespace. Skips the test where that is not
// allowed either.
void onSmallDisk(const std::string& directory, size_t bytes, const std::function<void()>& body);

// In body: the file system notes a use of a file at every read (strictatime).
void noteEveryRead(const std::string& directory);

// In body: makes the small disk read-only, or writable again.
void setReadOnly(const std::string& directory, bool read_only);

// In body: nobody can rename or remove this file below the directory until the directory's mount ends.
void holdInPlace(const std::string& file);

}  // namespace hicache
