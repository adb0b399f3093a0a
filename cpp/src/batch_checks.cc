// SPDX-License-Identifier: Apache-2.0
#include "batch_checks.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "access_time.h"
#include "checksum.h"

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
  for (const Block& block : page.blocks) {
    if (block.length < 0) return "a block of it has a length of " + std::to_string(block.length) + " bytes";
    if (block.length > 0 && block.address == 0)
      return "its address is null, its length " + std::to_string(block.length) + " bytes";
  }
  // A seal keeps it in one byte.
  if (page.shape.dtype < HICACHE_DTYPE_UNKNOWN || page.shape.dtype > INT8_MAX) {
    return "its dtype is " + std::to_string(page.shape.dtype) + ", no libtorch ScalarType";
  }
  return "";
}

// Finds out where a page's memory is. said: where the caller says it is, a CUDA ordinal or one of hicache_device.
// Returns what is wrong with it; empty when nothing is.
std::string takePlace(CudaApi& cuda, int32_t said, Page* page) {
  if (cuda.deviceCount() == 0) {
    if (said < 0) return "";
    return "it is said to be on " + deviceName(said) + ", and there is no CUDA device (" + cuda.unavailableReason() + ")";
  }
  bool known = false;
  for (const Block& block : page->blocks) {
    if (block.length == 0) continue;
    const MemoryPlace begins = cuda.placeOf(block.address);
    const MemoryPlace ends = cuda.placeOf(block.address + static_cast<uint64_t>(block.length) - 1);
    if (!(begins == ends)) return "a block of it begins on " + nameOf(begins) + " and ends on " + nameOf(ends);
    if (known && !(begins == page->place)) {
      return "its blocks are on " + nameOf(page->place) + " and on " + nameOf(begins) + "; a page lies in one place";
    }
    page->place = begins;
    known = true;
  }
  if (!known || said == HICACHE_DEVICE_UNKNOWN) return "";
  const MemoryPlace wanted = said < 0 ? MemoryPlace{} : MemoryPlace{MemoryType::kVram, said};
  if (wanted == page->place) return "";
  return "it is said to be on " + nameOf(wanted) + ", and its memory is on " + nameOf(page->place);
}

// Of several entries with one key the last is stored, as if they were set one after the other.
void skipSuperseded(Batch* batch) {
  struct Entry {
    uint64_t hash;
    size_t index;
    const PageName* name;
  };
  std::vector<Entry> entries;
  entries.reserve(batch->pages().size());
  for (size_t i = 0; i < batch->pages().size(); ++i) {
    if (batch->settledEarly(i)) continue;
    const PageName& name = batch->pages()[i].name;
    const uint64_t hash = checksum(name.key.data(), name.key.size()) ^ checksum(name.component.data(), name.component.size());
    entries.push_back({hash, i, &name});
  }
  const auto key = [](const Entry& entry) { return std::tie(entry.hash, entry.name->key, entry.name->component); };
  std::sort(entries.begin(), entries.end(),
            [&](const Entry& a, const Entry& b) { return key(a) < key(b) || (key(a) == key(b) && a.index < b.index); });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (key(entries[i]) == key(entries[i - 1])) batch->settleEarly(entries[i - 1].index, PageResult::of(HICACHE_SKIPPED));
  }
}

}  // namespace

void requireSound(const BatchRequest& request) {
  if (request.timeout_millis <= 0)
    refuse(request, "timeout of " + std::to_string(request.timeout_millis) + " ms; give a positive one");
  if (request.lease_millis < 0 || request.lease_millis > kLeaseMillisMax) {
    refuse(request, "a lease of " + std::to_string(request.lease_millis) + " ms; give 0 to " + std::to_string(kLeaseMillisMax));
  }
  if (request.count < 0) refuse(request, std::to_string(request.count) + " keys");
  if (request.count == 0 || request.operation == Operation::kClear) return;
  if (request.keys == nullptr || request.key_lengths == nullptr) refuse(request, "no keys given");
  if (movesPages(request.operation) && (request.addresses == nullptr || request.lengths == nullptr)) {
    refuse(request, "no addresses or lengths given");
  }
  if ((request.ranks == nullptr) != (request.dims == nullptr)) refuse(request, "ranks and dims go together");
  for (int64_t i = 0; i < request.count; ++i) {
    if (request.key_lengths[i] < 0) refuse(request, "key " + std::to_string(i) + " has a negative length");
    if (request.component_lengths != nullptr &&
        (request.component_lengths[i] < 0 || request.component_lengths[i] > request.key_lengths[i])) {
      refuse(request,
             "key " + std::to_string(i) + " has a component of " + std::to_string(request.component_lengths[i]) + " bytes");
    }
    if (request.block_counts != nullptr && request.block_counts[i] < 1) {
      refuse(request, "page " + std::to_string(i) + " has " + std::to_string(request.block_counts[i]) + " blocks");
    }
    if (request.ranks != nullptr && (request.ranks[i] < 0 || request.ranks[i] > HICACHE_RANK_MAX)) {
      refuse(request, "page " + std::to_string(i) + " has rank " + std::to_string(request.ranks[i]) + ", at most 8 is kept");
    }
  }
}

namespace {

// The blocks of all pages, one page after the other; each page's length is set.
std::vector<Block> takeBlocks(const BatchRequest& request, std::vector<Page>* pages) {
  std::vector<Block> blocks;
  blocks.reserve(pages->size());
  size_t next = 0;
  for (size_t i = 0; i < pages->size(); ++i) {
    size_t end = next + (request.block_counts == nullptr ? 1 : static_cast<size_t>(request.block_counts[i]));
    int64_t length = 0;
    for (; next < end; ++next) {
      Block block{static_cast<uint64_t>(request.addresses[next]), request.lengths[next]};
      // Bounded, so that the sum cannot overflow; faultOf names a bad one.
      length = std::min(length + std::clamp<int64_t>(block.length, 0, kPageBytesMax), kPageBytesMax + 1);
      blocks.push_back(block);
    }
    (*pages)[i].length = request.block_counts == nullptr ? request.lengths[i] : length;
  }
  return blocks;
}

void pointToBlocks(const BatchRequest& request, const std::vector<Block>& blocks, std::vector<Page>* pages) {
  Blocks rest = blocks;
  for (size_t i = 0; i < pages->size(); ++i) {
    size_t count = request.block_counts == nullptr ? 1 : static_cast<size_t>(request.block_counts[i]);
    (*pages)[i].blocks = rest.first(count);
    rest = rest.subspan(count);
  }
}

void pointToNames(const BatchRequest& request, std::string_view text, std::vector<Page>* pages) {
  for (size_t i = 0; i < pages->size(); ++i) {
    size_t length = static_cast<size_t>(request.key_lengths[i]);
    size_t component = request.component_lengths == nullptr ? 0 : static_cast<size_t>(request.component_lengths[i]);
    (*pages)[i].name = {text.substr(0, length - component), text.substr(length - component, component)};
    text.remove_prefix(length);
  }
}

size_t textLength(const BatchRequest& request) {
  size_t length = 0;
  for (int64_t i = 0; i < request.count; ++i) length += static_cast<size_t>(request.key_lengths[i]);
  return length;
}

}  // namespace

void fillPages(const BatchRequest& request, CudaApi& cuda, Batch* batch) {
  if (request.operation == Operation::kClear) {
    batch->setPages({}, {}, std::vector<Page>(1));
    return;
  }
  std::vector<Page> pages(static_cast<size_t>(request.count));
  // On the heap even when short: the views below stay good when it moves.
  std::vector<char> text(request.keys, request.keys + textLength(request));
  std::vector<Block> blocks;
  pointToNames(request, {text.data(), text.size()}, &pages);
  if (movesPages(request.operation)) {
    blocks = takeBlocks(request, &pages);
    pointToBlocks(request, blocks, &pages);
  } else if (request.lengths != nullptr) {
    for (size_t i = 0; i < pages.size(); ++i) pages[i].length = request.lengths[i];
  }
  const int64_t* dims = request.dims;
  for (size_t i = 0; i < pages.size(); ++i) {
    pages[i].shape = shapeOf(request, static_cast<int64_t>(i), dims);
    if (dims != nullptr) dims += request.ranks[i];
  }
  std::map<size_t, std::string> faults;
  for (size_t i = 0; movesPages(request.operation) && i < pages.size(); ++i) {
    std::string fault = faultOf(pages[i]);
    if (fault.empty())
      fault = takePlace(cuda, request.devices == nullptr ? HICACHE_DEVICE_UNKNOWN : request.devices[i], &pages[i]);
    if (!fault.empty()) faults[i] = std::move(fault);
  }
  batch->setPages(std::move(text), std::move(blocks), std::move(pages));
  if (!movesPages(request.operation)) return;
  for (const auto& [i, fault] : faults) {
    std::string key(batch->pages()[i].name.key.substr(0, 64));
    batch->settleEarly(i, PageResult::failed(Error(HICACHE_INVALID_ARGUMENT,
                                                   std::string(nameOf(request.operation)) + " '" + key + "': " + fault)));
  }
  if (request.operation != Operation::kSet) return;
  if (request.skip_existing) batch->skipExisting();
  if (request.keep_existing) batch->keepExisting();
  skipSuperseded(batch);
}

}  // namespace hicache
