// SPDX-License-Identifier: Apache-2.0
//
// The layout "segments": pages are slots in large files, found through an index; see segment_directory.h. A page exists from
// the commit of its entry on. Names and the base directory of a page are the same as in the layout files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "batch.h"
#include "key_codec.h"
#include "segment_directory.h"
#include "settings.h"

namespace hicache {

// Threads: safe from any number of threads.
class LayoutSegments {
 public:
  using Publication = SegmentDirectory::Publication;

  // Where a page goes: its base directory and its key in the index there.
  struct Place {
    size_t directory = 0;
    std::string page_key;
  };

  // A page that was found. Its slot may go to another page at any time, so what is read from it has to be checked.
  struct Found {
    size_t directory = 0;
    StoredPage page;

    int64_t length() const { return static_cast<int64_t>(page.seal.length); }
  };

  // Finds several pages, in each directory as it was when the first was looked for there; short-lived, since until its end
  // nothing that it may still see can be used again. Threads: one at a time.
  class Look {
   public:
    explicit Look(const LayoutSegments& layout) : layout_(layout), reads_(layout.directoryCount()) {}
    std::optional<Found> find(const PageName& name);

   private:
    const LayoutSegments& layout_;
    std::vector<std::optional<IndexRead>> reads_;
    std::string page_key_;
  };

  // Throws Error, see SegmentDirectory.
  LayoutSegments(std::shared_ptr<FileManager> files, const StoreConfig& config);

  const KeyCodec& codec() const { return codec_; }
  SegmentDirectory& directory(size_t index) const { return *directories_[index]; }
  size_t directoryCount() const { return directories_.size(); }
  // "segment <path>, offset <n>", for messages.
  std::string describe(size_t directory, const Slot& slot) const;

  // Throws INVALID_ARGUMENT for an empty or over-long key.
  Place placeOf(const PageName& name) const;
  // The same: the directory, and the key behind what text has already.
  size_t appendPlace(const PageName& name, std::string* text) const;
  std::optional<Found> find(const PageName& name) const { return Look(*this).find(name); }
  // True while the page has not been replaced or removed: then what was read from its slot before is of this page.
  bool isStill(const PageName& name, const Found& found) const;
  static void noteUse(std::atomic<uint32_t>& last_use);

  // Slots for pages of a length, at least one and at most count, neighbours of the shard's last one where possible; evicts when
  // there is none. Throws NO_SPACE. End each with publish or giveBack.
  std::vector<Slot> takeSlots(size_t directory, int64_t length, size_t shard, size_t count);
  void giveBack(size_t directory, const std::vector<Slot>& slots) { directories_[directory]->slots().giveBack(slots); }
  // Gives pages their names in one step, evicting within the capacity. Of a page with an error afterwards, or without its name,
  // the slot is still the caller's. Throws Error; then all are.
  void publish(size_t directory, std::vector<Publication>* pages);

  // One key's operation on the index.
  static PageResult exists(const Page& page, Look* look);
  PageResult pin(const PageName& name, int64_t lease_millis) const;
  bool remove(const PageName& name);
  // That very page, if it is still there.
  bool remove(const PageName& name, const Found& found) {
    return directories_[found.directory]->remove(placeOf(name).page_key, found.page.generation);
  }
  // Removes every page of this naming; returns how many.
  int64_t clear(const std::function<bool()>& stop);

  // Down to the low mark of the capacity, and what is too old. Throws UNSUPPORTED where eviction is off.
  EvictionResult evict();
  // Of all pages in all directories.
  int64_t bytes() const;
  int64_t evictedPages() const { return evicted_pages_.load(std::memory_order_relaxed); }
  int64_t evictedBytes() const { return evicted_bytes_.load(std::memory_order_relaxed); }
  // How often pages were looked through for some to evict.
  int64_t rounds() const { return rounds_.load(std::memory_order_relaxed); }
  int64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  EvictionResult evictTo(size_t directory, int64_t bytes_max);
  EvictionResult note(EvictionResult evicted);
  int64_t bytesMaxOf(size_t directory) const;
  void keepBelowHighMark();
  Error refusal(size_t directory, int64_t length);

  const std::shared_ptr<FileManager> files_;
  const KeyCodec codec_;
  const std::string key_prefix_;  // of all pages of this naming
  const Limits limits_;
  std::vector<std::unique_ptr<SegmentDirectory>> directories_;
  std::mutex evicting_;
  std::atomic<int64_t> evicted_pages_{0};
  std::atomic<int64_t> evicted_bytes_{0};
  std::atomic<int64_t> rounds_{0};
  std::atomic<int64_t> refused_{0};
};

}  // namespace hicache
