// SPDX-License-Identifier: Apache-2.0
//
// Set: temp files, transfer, seal and rename.
#pragma once

#include <optional>
#include <vector>

#include "page_transfer.h"

namespace hicache {

class SetTransfer final : public PageTransfer {
 public:
  SetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk);
  ~SetTransfer() override;

  bool admit(RoomWait* wait) override;

 protected:
  bool open(size_t index, Entry* entry) override;
  void complete(Entry& entry) override;
  void rewind(Entry& entry) override;
  PageResult diagnose(const Entry& entry, const Error& nixl_failure) override;

 private:
  struct Taken {
    size_t directory = 0;
    int64_t bytes = 0;
  };

  void takePageByPage(const std::vector<Taken>& wanted);
  void giveBack(size_t index);
  // True when the very bytes of this page are stored under its name already, with the same dtype and shape.
  bool isStored(size_t index) const;

  std::vector<Taken> taken_;                   // of the room, by index in the chunk
  std::vector<std::optional<Error>> no_room_;  // why a page gets none
  std::vector<PagePlacement> placements_;      // by index in the chunk
};

}  // namespace hicache
