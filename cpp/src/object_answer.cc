// SPDX-License-Identifier: Apache-2.0
#include "object_answer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace hicache {
namespace {

constexpr std::string_view kBegin = "<Code>";
constexpr std::string_view kEnd = "</Code>";
constexpr size_t kCodeBytesMax = 64;

// What no retry changes.
constexpr std::array<std::string_view, 13> kRefusals = {
    "AccessDenied",         "AccountProblem",     "AllAccessDisabled", "AuthorizationHeaderMalformed",
    "ExpiredToken",         "InvalidAccessKeyId", "InvalidBucketName", "InvalidToken",
    "KeyTooLongError",      "NoSuchBucket",       "PermanentRedirect", "RequestTimeTooSkewed",
    "SignatureDoesNotMatch"};

bool isWord(std::string_view text) {
  return !text.empty() && text.size() <= kCodeBytesMax &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '.'; });
}

}  // namespace

ObjectAnswer ObjectAnswer::of(const void* data, size_t size) {
  const std::string_view text(static_cast<const char*>(data), size);
  const size_t root = text.find("<Error");
  if (root == std::string_view::npos) return {};
  const size_t begin = text.find(kBegin, root);
  if (begin == std::string_view::npos) return {};
  const size_t end = text.find(kEnd, begin);
  if (end == std::string_view::npos) return {};
  const std::string_view code = text.substr(begin + kBegin.size(), end - begin - kBegin.size());
  if (!isWord(code)) return {};
  const Kind kind = code == "NoSuchKey"                                                      ? Kind::kAbsent
                    : code == "InvalidRange"                                                 ? Kind::kEmpty
                    : std::find(kRefusals.begin(), kRefusals.end(), code) != kRefusals.end() ? Kind::kRefused
                                                                                             : Kind::kFailed;
  return {kind, std::string(code)};
}

}  // namespace hicache
