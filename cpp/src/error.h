// SPDX-License-Identifier: Apache-2.0
//
// The one exception type of the core. c_api alone turns it into a hicache_error.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "hicache_nixl.h"

namespace hicache {

using Code = hicache_code;

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message, int nixl_status = 0, int error_number = 0)
      : std::runtime_error(message), code_(code), nixl_status_(nixl_status), error_number_(error_number) {}

  Code code() const { return code_; }
  int nixlStatus() const { return nixl_status_; }
  int errorNumber() const { return error_number_; }

 private:
  Code code_;
  int nixl_status_;
  int error_number_;
};

// The code that an errno maps to: NO_SPACE for ENOSPC and EDQUOT, NOT_FOUND for ENOENT, else IO.
Code codeOfErrno(int error_number);

// "<what>: <strerror> (errno <n>)<advice>", with the code of the errno. Advice is added where the cause is known to have one.
Error errnoError(const std::string& what, int error_number);

// The exception being handled as an Error; to be called in a catch block. What is no Error of ours becomes INTERNAL.
Error currentError();

// Copies an error into the C struct, cutting the message at a character's boundary. Null target: nothing to do.
void fill(hicache_error* target, const Error& error);

}  // namespace hicache
