// SPDX-License-Identifier: Apache-2.0
//
// Get: find, transfer, verify. The target of a failed get is never reported as a hit.
#pragma once

#include <vector>

#include "page_transfer.h"

namespace hicache {

class GetTransfer final : public PageTransfer {
 public:
  GetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk);

 protected:
  bool open(size_t index, Entry* entry) override;
  bool wantsChecksum(const Entry& entry) const override;
  void complete(Entry& entry) override;
  PageResult diagnose(const Entry& entry, const Error& nixl_failure) override;

 private:
  // Reads the page once more by the plain system call. Returns where its file ends when that is before the page does. Throws
  // IO.
  std::optional<int64_t> readPlainly(const Entry& entry) const;
  // What came wrong through NIXL may be right in the file.
  bool fileIsDamaged(const Entry& entry, const FoundPage& found) const;
  // A damaged page that is ours is removed, unless somebody has replaced it: else exists would go on to promise it.
  Error dropDamaged(const FoundPage& found, const Error& damage) const;
  Error cutError(const Entry& entry, int64_t length) const;

  std::vector<FoundPage> found_;  // by index in the chunk
};

}  // namespace hicache
