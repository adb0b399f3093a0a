// SPDX-License-Identifier: Apache-2.0
#include "layout_files.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <vector>

#include "access_time.h"
#include "error.h"
#include "page_group.h"

namespace hicache {
namespace {

// How many characters of a key are one of SGLang's page keys, a SHA-256 in hexadecimal, or the digest of a hostile key: all of
// them in a name of this naming, some in that of a model whose name is longer ("<hash>_x" of "<hash>_x_m_0_1").
size_t fixedLengthOf(std::string_view key) {
  constexpr size_t kMark = 3;
  constexpr size_t kDigits = 64;
  size_t begin = KeyCodec::isDigestName(key) ? kMark : 0;
  return startsWithPageKey(key.substr(begin)) ? begin + kDigits : 0;
}

// A direct write that makes a file longer waits for the one before it; within the file's length they run side by side.
void sizeInAdvance(FileManager* files, PagePlacement& placement, int64_t length) {
  int sized = files->calls().truncate(placement.temp.file.get(), length);
  if (sized >= 0) return;
  files->discard(&placement.temp);
  throw errnoError(
      "making room for '" + files->pathOf(placement.place) + "' (" + files->freeSpace(placement.place.directory) + ")", -sized);
}

void takeStatus(const struct stat& status, FoundPage* page) {
  page->file_length = status.st_size;
  page->modified_millis = nanosOf(status.st_mtim) / kNanosPerMilli;
  page->accessed_nanos = nanosOf(status.st_atim);
  page->inode = status.st_ino;
}

}  // namespace

LayoutFiles::LayoutFiles(std::shared_ptr<FileManager> files, const Naming& naming, int64_t ttl_seconds)
    : files_(std::move(files)), codec_(naming), bucketed_(naming.bucketed), ttl_millis_(ttl_seconds * 1000) {}

void LayoutFiles::takeSeal(const SealBytes& data, int64_t size, FoundPage* page) const {
  if (size == -ENODATA || size == -ENOTSUP) return;  // written by another program
  if (size < 0 && size != -ERANGE) {
    throw errnoError("reading the attributes of '" + files_->pathOf(page->place) + "'", static_cast<int>(-size));
  }
  PageSeal seal;
  bool sound = size > 0 && PageSeal::decode(data.data(), static_cast<size_t>(size), &seal);
  bool good = sound && seal.name_hash == PageSeal::hashOfName(page->place.name, codec_.suffix());
  if (good) page->seal = seal;
  page->bad_seal = !good;
  page->other_seal = sound && !good;
}

FilePlace LayoutFiles::placeOf(const PageName& page) const {
  FilePlace place;
  place.name = codec_.name(page);
  Route route = routeName(place.name, files_->directories().size());
  place.directory = bucketed_ ? route.directory : 0;
  if (bucketed_) place.bucket = bucketName(route.bucket);
  return place;
}

PagePlacement LayoutFiles::place(const PageName& page, int64_t length) const {
  PagePlacement placement;
  placement.place = placeOf(page);
  placement.direct = files_->takesDirectIo(placement.place.directory, length);
  placement.temp = files_->createTemp(placement.place, placement.direct);
  if (placement.direct) sizeInAdvance(files_.get(), placement, length);
  return placement;
}

bool LayoutFiles::publish(PagePlacement* placement, const PageName& page, PageSeal seal, bool keep) const {
  const StorageDirectory& directory = files_->directories()[placement->place.directory];
  if (directory.attributes) {
    FileCalls& calls = files_->calls();
    int fd = placement->temp.file.get();
    seal.name_hash = PageSeal::hashOfName(placement->place.name, codec_.suffix());
    std::array<uint8_t, PageSeal::kBytesMax> bytes;
    size_t size = seal.encode(&bytes);
    int set = calls.setAttribute(fd, PageSeal::kAttribute, bytes.data(), size);
    if (set < 0) throw errnoError("sealing '" + files_->pathOf(placement->place) + "'", -set);
    if (KeyCodec::isDigestName(placement->place.name)) {
      set = calls.setAttribute(fd, PageSeal::kKeyAttribute, page.key.data(), page.key.size());
      // A key too long for an attribute is still found by its digest; only listings cannot show it.
      if (set < 0 && set != -ENOSPC && set != -E2BIG && set != -ERANGE) {
        throw errnoError("keeping the key of '" + files_->pathOf(placement->place) + "'", -set);
      }
    }
  }
  return files_->publish(&placement->temp, placement->place, keep);
}

bool LayoutFiles::isOver(const std::optional<FoundPage>& page) const {
  return page && ttl_millis_ > 0 && isExpired(page->modified_millis, nowNanos() / kNanosPerMilli);
}

std::optional<FoundPage> LayoutFiles::find(const PageName& name, int64_t expected_length) const {
  FilePlace place = placeOf(name);
  std::optional<FoundPage> page = open(place, files_->takesDirectIo(place.directory, expected_length));
  return isOver(page) ? std::nullopt : std::move(page);
}

std::optional<FoundPage> LayoutFiles::open(const FilePlace& place, bool direct) const {
  FoundPage page;
  struct stat status = {};
  page.file = files_->openPage(place, direct, &status);
  if (!page.file) return std::nullopt;
  page.place = place;
  page.direct = direct;
  takeStatus(status, &page);
  if (files_->directories()[place.directory].attributes) {
    SealBytes seal;
    int64_t size = files_->calls().getAttribute(page.file.get(), PageSeal::kAttribute, seal.data(), seal.size());
    takeSeal(seal, size, &page);
  }
  return page;
}

std::optional<FoundPage> LayoutFiles::look(const PageName& name) const {
  std::optional<FoundPage> page = lookAt(placeOf(name));
  return isOver(page) ? std::nullopt : std::move(page);
}

bool LayoutFiles::isTaken(const PageName& name) const {
  std::optional<FoundPage> page = lookAt(placeOf(name));
  if (!isOver(page)) return page.has_value();
  files_->remove(page->place, page->inode);
  return false;
}

std::optional<FoundPage> LayoutFiles::lookAt(const FilePlace& place) const {
  struct stat status = {};
  Bucket bucket = files_->findPage(place, &status);
  if (bucket == nullptr) return std::nullopt;
  FoundPage page;
  page.place = place;
  takeStatus(status, &page);
  if (!files_->directories()[place.directory].attributes) return page;
  SealBytes seal;
  int64_t size =
      files_->calls().getAttributeAt(bucket->get(), place.name.c_str(), PageSeal::kAttribute, seal.data(), seal.size());
  if (size == -ENOSYS || size == -ENOENT) return open(place, false);  // an old kernel, or the page went or changed just now
  takeSeal(seal, size, &page);
  // Two calls by name may have seen two pages, the old and the new one. An open file is one page.
  if (page.bad_seal || (page.seal && page.file_length != page.length())) return open(place, false);
  return page;
}

void LayoutFiles::requireWhole(const FoundPage& page) const {
  if (page.bad_seal) {
    throw Error(HICACHE_CORRUPT, "the attributes of '" + files_->pathOf(page.place) +
                                     "' are damaged or belong to another page: set the page again");
  }
  if (page.seal && page.file_length != static_cast<int64_t>(page.seal->length)) {
    throw Error(HICACHE_CORRUPT, "'" + files_->pathOf(page.place) + "' has " + std::to_string(page.file_length) +
                                     " bytes, was stored with " + std::to_string(page.seal->length) + ": set the page again");
  }
  if (!page.seal && page.file_length == 0) {
    throw Error(HICACHE_CORRUPT, "'" + files_->pathOf(page.place) + "' is an empty file that this library did not write");
  }
}

bool LayoutFiles::isOurs(const FilePlace& place) const {
  PageName page;
  if (!codec_.partsOf(place.name, &page)) return false;
  if (bucketed_) {
    // A name stands only where it is routed to; a foreign file there by chance is one in 256 per directory.
    Route route = routeName(place.name, files_->directories().size());
    if (route.directory != place.directory || bucketName(route.bucket) != place.bucket) return false;
  }
  size_t fixed_length = fixedLengthOf(page.key);
  if (fixed_length == page.key.size()) return true;
  // Any other name is ours when it carries our seal; without attributes a routed name has to do, where it does not show that
  // it is another model's.
  if (!files_->directories()[place.directory].attributes) return bucketed_ && fixed_length == 0;
  try {
    std::optional<FoundPage> found = open(place, false);
    return found && (found->seal.has_value() || found->bad_seal) && !found->other_seal;
  } catch (const Error&) {
    return false;  // no regular file, or not readable: not ours to touch
  }
}

void LayoutFiles::forEach(const std::function<bool(const FilePlace&)>& visit) const {
  FileCalls& calls = files_->calls();
  for (size_t i = 0; i < files_->directories().size(); ++i) {
    const StorageDirectory& directory = files_->directories()[i];
    for (int bucket = 0; bucket < (bucketed_ ? 256 : 1); ++bucket) {
      FilePlace place;
      place.directory = i;
      FileHandle folder;
      if (bucketed_) {
        place.bucket = bucketName(static_cast<uint8_t>(bucket));
        int fd = calls.openBeneath(directory.base.get(), place.bucket.c_str(), O_RDONLY | O_DIRECTORY, 0);
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) continue;  // not made yet, or somebody else's
        if (fd < 0) throw errnoError("listing '" + directory.path + "/" + place.bucket + "'", -fd);
        folder = FileHandle(&calls, fd);
      }
      std::vector<std::string> names;
      int listed = calls.list(folder ? folder.get() : directory.base.get(), &names);
      if (listed < 0) throw errnoError("listing '" + directory.path + "/" + place.bucket + "'", -listed);
      for (std::string& name : names) {
        place.name = std::move(name);
        if (isOurs(place) && !visit(place)) return;
      }
    }
  }
}

std::optional<std::string> LayoutFiles::keyOf(const FilePlace& place, const FoundPage& page) const {
  PageName name;
  if (!codec_.partsOf(place.name, &name)) return std::nullopt;
  if (!KeyCodec::isDigestName(place.name)) return std::string(name.key);
  std::string text(HICACHE_KEY_BYTES_MAX, '\0');
  int64_t size = files_->calls().getAttribute(page.file.get(), PageSeal::kKeyAttribute, text.data(), text.size());
  if (size <= 0) return std::nullopt;
  text.resize(static_cast<size_t>(size));
  // The attribute is only believed when it leads back to this very name.
  return codec_.name({text, name.component}) == place.name ? std::optional<std::string>(text) : std::nullopt;
}

std::string LayoutFiles::componentOf(const FilePlace& place) const {
  PageName name;
  return codec_.partsOf(place.name, &name) ? std::string(name.component) : std::string();
}

int64_t LayoutFiles::clear(const std::function<bool()>& stop) const {
  int64_t removed = 0;
  forEach([&](const FilePlace& place) {
    if (stop()) return false;
    removed += files_->remove(place) ? 1 : 0;
    return true;
  });
  return removed;
}

}  // namespace hicache
