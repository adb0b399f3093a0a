// SPDX-License-Identifier: Apache-2.0
#include "batch_checks.h"

#include <algorithm>
#include <unordered_map>

namespace hicache {
namespace {

constexpr int64_t kPageBytesMax = int64_t{1} << 40;  // as chunk_bytes

bool movesPages(Operation operation) { return operation == Operation::kSet || operation == Operation::kGet; }

[[noreturn]] void refuse(const BatchRequest& request, const std::string& what) {
  throw Error(HICACHE_INVALID_ARGUMENT, std::string(nameOf(request.operation)) + ": " + what);
}

PageShape shapeOf(const BatchRequest& request, int64_t index, const int64_t* dims) {
  PageShape shape;
  if (request.dtypes != nullptr) shape.dtype = request.dtypes[index];
  if (request.ranks == nullptr) return shape;
  shape.rank = request.ranks[index];
  std::copy(dims, dims + shape.rank, shape.dims.begin());
  return shape;
}

// What is wrong with one page; empty when nothing is.
std::string faultOf(const Page& page) {
  if (page.length < 0 || page.length > kPageBytesMax) return "its length is " + std::to_string(page.length) + " bytes";
  if (page.length > 0 && page.address == 0) return "its address is null, its length " + std::to_string(page.length) + " bytes";
  // A seal keeps it in one byte.
  if (page.shape.dtype < HICACHE_DTYPE_UNKNOWN || page.shape.dtype > INT8_MAX) {
    return "its dtype is " + std::to_string(page.shape.dtype) + ", no libtorch ScalarType";
  }
  return "";
}

// Of several entries with one key the last is stored, as if they were set one after the other.
void skipSuperseded(Batch* batch) {
  std::unordered_map<std::string_view, size_t> last;
  last.reserve(batch->pages().size());
  for (size_t i = 0; i < batch->pages().size(); ++i) {
    if (batch->settledEarly(i)) continue;
    auto [slot, first] = last.try_emplace(batch->pages()[i].key, i);
    if (first) continue;
    batch->settleEarly(slot->second, PageResult::of(HICACHE_SKIPPED));
    slot->second = i;
  }
}

}  // namespace

void requireSound(const BatchRequest& request) {
  if (request.timeout_millis <= 0)
    refuse(request, "timeout of " + std::to_string(request.timeout_millis) + " ms; give a positive one");
  if (request.count < 0) refuse(request, std::to_string(request.count) + " keys");
  if (request.count == 0 || request.operation == Operation::kClear) return;
  if (request.keys == nullptr || request.key_lengths == nullptr) refuse(request, "no keys given");
  if (movesPages(request.operation) && (request.addresses == nullptr || request.lengths == nullptr)) {
    refuse(request, "no addresses or lengths given");
  }
  if ((request.ranks == nullptr) != (request.dims == nullptr)) refuse(request, "ranks and dims go together");
  for (int64_t i = 0; i < request.count; ++i) {
    if (request.key_lengths[i] < 0) refuse(request, "key " + std::to_string(i) + " has a negative length");
    if (request.ranks != nullptr && (request.ranks[i] < 0 || request.ranks[i] > HICACHE_RANK_MAX)) {
      refuse(request, "page " + std::to_string(i) + " has rank " + std::to_string(request.ranks[i]) + ", at most 8 is kept");
    }
  }
}

void fillPages(const BatchRequest& request, Batch* batch) {
  size_t count = request.operation == Operation::kClear ? 1 : static_cast<size_t>(request.count);
  std::vector<Page> pages(count);
  std::string keys;
  const int32_t no_key = 0;
  if (request.operation != Operation::kClear) {
    size_t text_length = 0;
    const int64_t* dims = request.dims;
    for (size_t i = 0; i < count; ++i) {
      text_length += static_cast<size_t>(request.key_lengths[i]);
      if (request.addresses != nullptr) pages[i].address = static_cast<uint64_t>(request.addresses[i]);
      if (request.lengths != nullptr) pages[i].length = request.lengths[i];
      pages[i].shape = shapeOf(request, static_cast<int64_t>(i), dims);
      if (dims != nullptr) dims += request.ranks[i];
    }
    keys.assign(reinterpret_cast<const char*>(request.keys), text_length);
  }
  batch->setPages(std::move(keys), request.operation == Operation::kClear ? &no_key : request.key_lengths, std::move(pages));
  if (!movesPages(request.operation)) return;
  for (size_t i = 0; i < count; ++i) {
    std::string fault = faultOf(batch->pages()[i]);
    if (fault.empty()) continue;
    std::string key(batch->pages()[i].key.substr(0, 64));
    batch->settleEarly(i, PageResult::failed(Error(HICACHE_INVALID_ARGUMENT,
                                                   std::string(nameOf(request.operation)) + " '" + key + "': " + fault)));
  }
  if (request.operation == Operation::kSet) skipSuperseded(batch);
}

}  // namespace hicache
