// SPDX-License-Identifier: Apache-2.0
//
// What an S3 server says when it refuses to read an object. NIXL has one status for every failure, but the server's error
// document lands where the object's bytes were to go.
#pragma once

#include <cstddef>
#include <string>

namespace hicache {

struct ObjectAnswer {
  enum class Kind {
    kNone,     // nothing that can be read: no server, no connection, no document
    kAbsent,   // there is no such object
    kEmpty,    // the object ends before the range that was asked for
    kRefused,  // for good: credentials, bucket, rights
    kFailed    // for now: slow down, internal error
  };

  Kind kind = Kind::kNone;
  std::string code;  // the server's word: NoSuchKey, AccessDenied, ...; empty for kNone

  // data: what a failed read left in the memory it was to fill.
  static ObjectAnswer of(const void* data, size_t size);
};

}  // namespace hicache
