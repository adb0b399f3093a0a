// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <vector>

namespace hicache {
namespace {

std::string messageOf(const hicache_error& error) { return reinterpret_cast<const char*>(error.message); }

TEST(ErrorTest, shouldFillEveryCodeWithItsStatusAndErrno) {
  for (int code = HICACHE_OK; code <= HICACHE_INTERNAL; ++code) {
    hicache_error filled = {};
    fill(&filled, Error(static_cast<Code>(code), "set 'k': it went wrong", -2, EIO));
    EXPECT_EQ(filled.code, code);
    EXPECT_EQ(filled.nixl_status, -2);
    EXPECT_EQ(filled.error_number, EIO);
    EXPECT_EQ(messageOf(filled), "set 'k': it went wrong");
  }
}

TEST(ErrorTest, shouldTakeANullTarget) { fill(nullptr, Error(HICACHE_IO, "nobody listens")); }

TEST(ErrorTest, shouldKeepAMessageThatJustFits) {
  const std::string text(HICACHE_MESSAGE_BYTES - 1, 'x');
  hicache_error filled = {};
  fill(&filled, Error(HICACHE_IO, text));
  EXPECT_EQ(messageOf(filled), text);
}

TEST(ErrorTest, shouldCutALongMessageAtACharactersBoundary) {
  // Each shift puts another byte of a character of 1 to 4 bytes at the place of the cut.
  for (const std::string& character : {std::string("a"), std::string("é"), std::string("漢"), std::string("😀")}) {
    for (size_t shift = 0; shift < 5; ++shift) {
      std::string text(shift, '.');
      while (text.size() < 2 * HICACHE_MESSAGE_BYTES) text += character;
      hicache_error filled = {};
      std::memset(&filled, 0x7E, sizeof(filled));
      fill(&filled, Error(HICACHE_IO, text));
      const std::string cut = messageOf(filled);
      EXPECT_LT(cut.size(), size_t{HICACHE_MESSAGE_BYTES});
      EXPECT_GT(cut.size() + character.size(), size_t{HICACHE_MESSAGE_BYTES} - 1) << "more than one character is gone";
      EXPECT_EQ((cut.size() - shift) % character.size(), 0u) << "cut inside a character of " << character.size();
      EXPECT_EQ(text.compare(0, cut.size(), cut), 0);
    }
  }
}

TEST(ErrorTest, shouldMapAnErrnoToItsCode) {
  EXPECT_EQ(codeOfErrno(ENOSPC), HICACHE_NO_SPACE);
  EXPECT_EQ(codeOfErrno(EDQUOT), HICACHE_NO_SPACE);
  EXPECT_EQ(codeOfErrno(ENOENT), HICACHE_NOT_FOUND);
  for (int other : {EIO, EACCES, EPERM, EMFILE, ENFILE, EROFS, ELOOP, ESTALE}) EXPECT_EQ(codeOfErrno(other), HICACHE_IO);
}

TEST(ErrorTest, shouldNameWhatFailedWhyAndWhatToDo) {
  const std::vector<std::pair<int, const char*>> advised = {{EMFILE, "ulimit -n"},           {ENFILE, "fs.file-max"},
                                                            {EROFS, "writable storage_dir"}, {EACCES, "owner and mode"},
                                                            {EPERM, "owner and mode"},       {ELOOP, "symbolic link"}};
  for (const auto& [number, advice] : advised) {
    const Error error = errnoError("opening 'x'", number);
    const std::string text = error.what();
    EXPECT_EQ(text.find("opening 'x': "), 0u) << text;
    EXPECT_NE(text.find("(errno " + std::to_string(number) + ")"), std::string::npos) << text;
    EXPECT_NE(text.find(advice), std::string::npos) << text;
    EXPECT_EQ(error.errorNumber(), number);
  }
}

TEST(ErrorTest, shouldKeepAnErrorAndWrapWhatIsNone) {
  auto caught = [](auto thrower) {
    try {
      thrower();
    } catch (...) {
      return currentError();
    }
    return Error(HICACHE_OK, "nothing was thrown");
  };
  const Error own = caught([] { throw Error(HICACHE_CORRUPT, "bad page", -3, EILSEQ); });
  EXPECT_EQ(own.code(), HICACHE_CORRUPT);
  EXPECT_EQ(own.nixlStatus(), -3);
  EXPECT_EQ(own.errorNumber(), EILSEQ);
  EXPECT_EQ(caught([] { throw std::bad_alloc(); }).code(), HICACHE_INTERNAL);
  const Error wrapped = caught([] { throw std::out_of_range("somewhere"); });
  EXPECT_EQ(wrapped.code(), HICACHE_INTERNAL);
  EXPECT_NE(std::string(wrapped.what()).find("somewhere"), std::string::npos);
}

TEST(ErrorTest, shouldNotLetAForeignExceptionThrough) {
  Error error(HICACHE_OK, "");
  try {
    throw 42;
  } catch (...) {
    EXPECT_NO_THROW(error = currentError());
  }
  EXPECT_EQ(error.code(), HICACHE_INTERNAL);
}

}  // namespace
}  // namespace hicache
