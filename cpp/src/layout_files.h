// SPDX-License-Identifier: Apache-2.0
//
// The layout "files": one file per key under SGLang's names, raw page bytes, published by rename, sealed by an attribute.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "file_manager.h"
#include "key_codec.h"
#include "page_seal.h"

namespace hicache {

// A page being written: its temp file and where it will stand.
struct PagePlacement {
  FilePlace place;
  TempFile temp;
  bool direct = false;
};

// A page found: its open file and what is known of it.
struct FoundPage {
  FilePlace place;
  FileHandle file;
  bool direct = false;
  int64_t file_length = 0;
  int64_t modified_millis = 0;
  int64_t accessed_nanos = 0;
  ino_t inode = 0;
  std::optional<PageSeal> seal;
  bool bad_seal = false;    // carries our attribute, damaged or of another page
  bool other_seal = false;  // the latter: sound, but of another name, or of another model under the same name

  int64_t length() const { return seal ? static_cast<int64_t>(seal->length) : file_length; }
};

// Threads: safe from any number of threads.
class LayoutFiles {
 public:
  using SealBytes = std::array<uint8_t, PageSeal::kBytesMax>;

  // ttl_seconds: how long a page lives; 0: for ever.
  LayoutFiles(std::shared_ptr<FileManager> files, const Naming& naming, int64_t ttl_seconds = 0);

  FileManager& files() const { return *files_; }
  const KeyCodec& codec() const { return codec_; }

  // Where a key's file stands. Throws INVALID_ARGUMENT for an empty or over-long key.
  FilePlace placeOf(const PageName& page) const;

  // Opens a temp file for a page; direct I/O where the directory takes it and the length is a multiple of the block size.
  PagePlacement place(const PageName& page, int64_t length) const;
  // Seals the page and gives it its final name. seal needs length, checksum and shape; the name is added here. keep: see
  // FileManager::publish.
  bool publish(PagePlacement* placement, const PageName& page, PageSeal seal, bool keep) const;

  // The page under a key, whatever its state, or nothing where there is none or its time is over. expected_length decides on
  // direct I/O; -1: buffered.
  std::optional<FoundPage> find(const PageName& name, int64_t expected_length) const;
  // The same without opening its file.
  std::optional<FoundPage> look(const PageName& name) const;
  // True when there is a page under a key, whatever its state. One whose time is over goes.
  bool isTaken(const PageName& name) const;
  // Throws CORRUPT when the file cannot be the whole page: its seal is bad, its length is not the seal's, or it is an empty
  // file of somebody else.
  void requireWhole(const FoundPage& page) const;

  // True when a page of that age has outlived its time.
  bool isExpired(int64_t modified_millis, int64_t now_millis) const {
    return ttl_millis_ > 0 && modified_millis + ttl_millis_ < now_millis;
  }

  bool remove(const PageName& page) const { return files_->remove(placeOf(page)); }

  // Calls visit for each page of this naming, until it returns false. Foreign files are passed over.
  void forEach(const std::function<bool(const FilePlace&)>& visit) const;
  // The key of a listed page: from its name, or from its attribute where the name is a digest; nothing when that is missing.
  std::optional<std::string> keyOf(const FilePlace& place, const FoundPage& page) const;
  // Its component.
  std::string componentOf(const FilePlace& place) const;
  std::optional<FoundPage> open(const FilePlace& place, bool direct) const;

  // Removes every page of this naming; returns how many.
  int64_t clear(const std::function<bool()>& stop) const;

 private:
  // size: of the attribute, or -errno of reading it.
  void takeSeal(const SealBytes& data, int64_t size, FoundPage* page) const;
  bool isOurs(const FilePlace& place) const;
  bool isOver(const std::optional<FoundPage>& page) const;
  std::optional<FoundPage> lookAt(const FilePlace& place) const;

  std::shared_ptr<FileManager> files_;
  KeyCodec codec_;
  bool bucketed_;
  int64_t ttl_millis_;
};

}  // namespace hicache
