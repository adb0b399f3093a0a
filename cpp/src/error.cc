// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

namespace hicache {
namespace {

const char* adviceOfErrno(int error_number) {
  switch (error_number) {
    case EMFILE:
      return "; raise the open-file limit (ulimit -n), or lower lanes, chunk_pages or chunks_in_flight";
    case ENFILE:
      return "; the whole system is out of file handles (fs.file-max)";
    case EROFS:
      return "; the file system is mounted read-only: give a writable storage_dir";
    case EACCES:
    case EPERM:
      return "; check the owner and mode of the directory";
    case ELOOP:
      return "; a symbolic link stands where a page or bucket belongs, and links are never followed";
    default:
      return "";
  }
}

}  // namespace

Code codeOfErrno(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return HICACHE_NO_SPACE;
    case ENOENT:
      return HICACHE_NOT_FOUND;
    default:
      return HICACHE_IO;
  }
}

Error errnoError(const std::string& what, int error_number) {
  std::string message = what + ": " + std::generic_category().message(error_number) + " (errno " +
                        std::to_string(error_number) + ")" + adviceOfErrno(error_number);
  return Error(codeOfErrno(error_number), message, 0, error_number);
}

Error currentError() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(HICACHE_INTERNAL, "out of native memory");
  } catch (const std::exception& error) {
    return Error(HICACHE_INTERNAL, std::string("unexpected: ") + error.what());
  } catch (...) {
    return Error(HICACHE_INTERNAL, "unexpected: an exception that is no std::exception");
  }
}

void fill(hicache_error* target, const Error& error) {
  if (target == nullptr) return;
  target->code = error.code();
  target->nixl_status = error.nixlStatus();
  target->error_number = error.errorNumber();
  const char* text = error.what();
  size_t length = std::strlen(text);
  if (length >= HICACHE_MESSAGE_BYTES) {
    length = HICACHE_MESSAGE_BYTES - 1;
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  }
  std::memcpy(target->message, text, length);
  target->message[length] = 0;
}

}  // namespace hicache
