// SPDX-License-Identifier: Apache-2.0
#include "key_operations.h"

namespace hicache {
namespace {

// A damaged page is no hit, and for a caller of exists no error either.
PageResult exists(const LayoutFiles& layout, const Page& page) {
  std::optional<FoundPage> found = layout.look(page.name);
  if (!found) return PageResult::of(HICACHE_MISS);
  try {
    layout.requireWhole(*found);
  } catch (const Error&) {
    return PageResult::of(HICACHE_MISS, found->file_length);
  }
  bool fits = page.length < 0 || found->length() == page.length;
  return PageResult::of(fits ? HICACHE_HIT : HICACHE_MISS, found->length(), found->seal ? 0 : HICACHE_FLAG_UNVERIFIED);
}

PageResult run(const LayoutFiles& layout, const Batch& batch, const Page& page) {
  switch (batch.operation()) {
    case Operation::kExists:
      return exists(layout, page);
    case Operation::kDelete:
      return PageResult::of(layout.remove(page.name) ? HICACHE_REMOVED : HICACHE_MISS);
    case Operation::kClear:
      return PageResult::of(HICACHE_REMOVED, layout.clear([&batch] { return batch.abandoned(); }));
    case Operation::kSet:
    case Operation::kGet:
      break;
  }
  throw Error(HICACHE_INTERNAL, std::string(nameOf(batch.operation())) + " is not a key operation");
}

}  // namespace

PageResult runKeyOperation(const LayoutFiles& layout, const Batch& batch, size_t index) {
  try {
    return run(layout, batch, batch.pages()[index]);
  } catch (...) {
    return PageResult::failed(currentError());
  }
}

}  // namespace hicache
