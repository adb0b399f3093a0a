// SPDX-License-Identifier: Apache-2.0
#include "key_operations.h"

#include <cerrno>

#include "access_time.h"

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

// The lease is the access time, see access_time.h.
PageResult pin(const LayoutFiles& layout, const PageName& name, int64_t lease_millis) {
  std::optional<FoundPage> found = layout.find(name, -1);
  if (!found) return PageResult::of(HICACHE_MISS);
  try {
    layout.requireWhole(*found);
  } catch (const Error&) {
    return PageResult::of(HICACHE_MISS, found->file_length);
  }
  FileCalls& calls = layout.files().calls();
  const std::string what = "pinning '" + layout.files().pathOf(found->place) + "'";
  const int64_t until = nowNanos() + lease_millis * kNanosPerMilli;
  int set = calls.setAccessTime(found->file.get(), timeOf(until));
  if (set == -EOPNOTSUPP || set == -ENOSYS) {
    throw Error(HICACHE_UNSUPPORTED, what + ": this file system has no access times, which leases are kept in", 0, -set);
  }
  if (set < 0) throw errnoError(what, -set);
  struct stat status = {};
  struct statvfs mount = {};
  int known = calls.status(found->file.get(), &status);
  if (known < 0) throw errnoError(what, -known);
  known = calls.space(found->file.get(), &mount);
  if (known < 0) throw errnoError(what, -known);
  const bool kept = nanosOf(status.st_atim) > until - kNanosPerSecond;
  // On such a mount whoever reads the page would end the lease.
  const bool noted_at_every_read = (mount.f_flag & (ST_NOATIME | ST_RELATIME)) == 0;
  if (lease_millis > 0 && (!kept || noted_at_every_read)) {
    throw Error(HICACHE_UNSUPPORTED,
                what + ": a lease is kept as the access time, and this file system " +
                    (kept ? "sets that at every read (strictatime); mount it with relatime or noatime" : "does not keep it"));
  }
  return PageResult::of(HICACHE_HIT, found->length(), found->seal ? 0 : HICACHE_FLAG_UNVERIFIED);
}

PageResult run(LayoutSegments& layout, LayoutSegments::Look* look, const Batch& batch, const Page& page) {
  switch (batch.operation()) {
    case Operation::kExists:
      return LayoutSegments::exists(page, look);
    case Operation::kDelete:
      return PageResult::of(layout.remove(page.name) ? HICACHE_REMOVED : HICACHE_MISS);
    case Operation::kClear:
      return PageResult::of(HICACHE_REMOVED, layout.clear([&batch] { return batch.abandoned(); }));
    case Operation::kPin:
      return layout.pin(page.name, batch.leaseMillis());
    case Operation::kSet:
    case Operation::kGet:
      break;
  }
  throw Error(HICACHE_INTERNAL, std::string(nameOf(batch.operation())) + " is not a key operation");
}

PageResult run(const LayoutObjects& layout, const Batch& batch, const Page& page) {
  throw Error(HICACHE_UNSUPPORTED, std::string(nameOf(batch.operation())) + ": " + layout.describe(std::string(page.name.key)) +
                                       ": NIXL reads and writes objects and does nothing else with them");
}

PageResult run(const LayoutFiles& layout, const Batch& batch, const Page& page) {
  switch (batch.operation()) {
    case Operation::kExists:
      return exists(layout, page);
    case Operation::kDelete:
      return PageResult::of(layout.remove(page.name) ? HICACHE_REMOVED : HICACHE_MISS);
    case Operation::kClear:
      return PageResult::of(HICACHE_REMOVED, layout.clear([&batch] { return batch.abandoned(); }));
    case Operation::kPin:
      return pin(layout, page.name, batch.leaseMillis());
    case Operation::kSet:
    case Operation::kGet:
      break;
  }
  throw Error(HICACHE_INTERNAL, std::string(nameOf(batch.operation())) + " is not a key operation");
}

}  // namespace

std::vector<PageResult> runKeyOperations(const StoreParts& parts, const Chunk& chunk) {
  const Batch& batch = *chunk.batch;
  std::vector<PageResult> results(chunk.end - chunk.begin);
  std::optional<LayoutSegments::Look> look;
  if (parts.segments != nullptr && batch.operation() == Operation::kExists) look.emplace(*parts.segments);
  for (size_t i = chunk.begin; i < chunk.end && !batch.abandoned(); ++i) {
    if (batch.settledEarly(i)) continue;
    const Page& page = batch.pages()[i];
    PageResult& result = results[i - chunk.begin];
    try {
      result = parts.objects != nullptr    ? run(*parts.objects, batch, page)
               : parts.segments != nullptr ? run(*parts.segments, look ? &*look : nullptr, batch, page)
                                           : run(*parts.layout, batch, page);
    } catch (...) {
      result = PageResult::failed(currentError());
    }
  }
  return results;
}

}  // namespace hicache
