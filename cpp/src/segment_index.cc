// SPDX-License-Identifier: Apache-2.0
#include "segment_index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "checksum.h"
#include "error.h"

namespace hicache {
namespace {

constexpr int64_t kFormat = 1;
constexpr std::string_view kFormatFact = "format";
constexpr std::string_view kSegmentBytesFact = "segment_bytes";
constexpr std::string_view kSegmentsFact = "segments";
constexpr std::string_view kSegmentBytesAllFact = "all_segments_bytes";
constexpr std::string_view kBytesFact = "bytes";
constexpr std::string_view kGenerationFact = "generation";

constexpr size_t kPrefixBytes = 8;

// Big-endian, so that LMDB sorts by number.
template <typename Number>
void append(std::string* text, Number number) {
  for (int shift = static_cast<int>(sizeof(Number) - 1) * 8; shift >= 0; shift -= 8)
    text->push_back(static_cast<char>(number >> shift));
}

template <typename Number>
Number take(std::string_view* text) {
  Number number = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) number = static_cast<Number>(number << 8 | static_cast<uint8_t>((*text)[i]));
  text->remove_prefix(sizeof(Number));
  return number;
}

std::string slotKey(uint32_t segment, uint32_t block) {
  std::string key;
  append(&key, segment);
  append(&key, block);
  return key;
}

std::string slabKey(uint32_t number) {
  std::string key;
  append(&key, number);
  return key;
}

constexpr size_t kSlabBytes = 16;
constexpr size_t kPageFixedBytes = 30;

Slab decodeSlab(std::string_view key, std::string_view value) {
  Slab slab;
  slab.number = take<uint32_t>(&key);
  slab.slot_blocks = take<uint32_t>(&value);
  slab.taken = take<uint32_t>(&value);
  slab.owner = take<uint64_t>(&value);
  return slab;
}

void encode(const StoredPage& page, std::string* value) {
  std::array<uint8_t, PageSeal::kBytesMax> seal;
  const size_t seal_size = page.seal.encode(&seal);
  value->clear();
  append(value, page.slot.segment);
  append(value, page.slot.block);
  append(value, page.slot.blocks);
  append(value, page.generation);
  append(value, static_cast<uint64_t>(page.written_millis));
  append(value, static_cast<uint16_t>(seal_size));
  value->append(reinterpret_cast<const char*>(seal.data()), seal_size);
  value->append(page.key);
}

}  // namespace

SegmentIndex::SegmentIndex(std::shared_ptr<IndexDatabase> database, int64_t segment_bytes) : database_(std::move(database)) {
  IndexWrite write(*database_);
  const int64_t format = fact(write, kFormatFact);
  if (format != 0 && format != kFormat) {
    throw Error(HICACHE_UNSUPPORTED, "the segments are of format " + std::to_string(format) + ", this library knows " +
                                         std::to_string(kFormat) + ": use the version that wrote them, or another directory");
  }
  geometry_.segment_bytes = fact(write, kSegmentBytesFact);
  if (format == kFormat) return;
  geometry_.segment_bytes = segment_bytes;
  setFact(write, kFormatFact, kFormat);
  setFact(write, kSegmentBytesFact, segment_bytes);
  write.commit();
}

std::string SegmentIndex::keyPrefix(std::string_view suffix) {
  std::string prefix;
  append(&prefix, checksum(suffix.data(), suffix.size()));
  return prefix;
}

std::string_view SegmentIndex::nameIn(std::string_view page_key) { return page_key.substr(kPrefixBytes); }

uint32_t SegmentIndex::slotBlocksOf(int64_t length) {
  constexpr uint64_t kExactMax = 16;
  const uint64_t blocks = std::max<uint64_t>(1, (static_cast<uint64_t>(length) + kSlotUnit - 1) / kSlotUnit);
  if (blocks <= kExactMax) return static_cast<uint32_t>(blocks);
  const uint64_t step = std::bit_floor(blocks - 1) / 8;
  return static_cast<uint32_t>((blocks + step - 1) / step * step);
}

namespace {

StoredPage decodePage(const IndexDatabase& database, std::string_view value) {
  StoredPage page;
  if (value.size() >= kPageFixedBytes) {
    page.slot.segment = take<uint32_t>(&value);
    page.slot.block = take<uint32_t>(&value);
    page.slot.blocks = take<uint32_t>(&value);
    page.generation = take<uint64_t>(&value);
    page.written_millis = static_cast<int64_t>(take<uint64_t>(&value));
    const size_t seal_size = take<uint16_t>(&value);
    if (seal_size <= value.size() && PageSeal::decode(reinterpret_cast<const uint8_t*>(value.data()), seal_size, &page.seal)) {
      page.key = value.substr(seal_size);
      return page;
    }
  }
  database.fail("a page's entry", MDB_CORRUPTED);
}

}  // namespace

std::optional<StoredPage> SegmentIndex::find(const IndexTransaction& transaction, std::string_view page_key) const {
  std::string_view value;
  if (!transaction.get(IndexTable::kPages, page_key, &value)) return std::nullopt;
  return decodePage(*database_, value);
}

Slot SegmentIndex::publish(IndexWrite& write, std::string_view page_key, StoredPage page, Tally* tally) const {
  if (tally->generation == 0) tally->generation = fact(write, kGenerationFact);
  page.generation = static_cast<uint64_t>(++tally->generation);
  encode(page, &tally->entry);
  Slot freed;
  std::string_view known;
  if (!write.putNew(IndexTable::kPages, page_key, tally->entry, &known)) {
    freed = decodePage(*database_, known).slot;
    write.put(IndexTable::kPages, page_key, tally->entry);
    freeSlot(write, freed, tally);
  }
  if (!write.putNew(IndexTable::kSlots, slotKey(page.slot.segment, page.slot.block), page_key)) {
    throw Error(HICACHE_INTERNAL, "segment " + std::to_string(page.slot.segment) + ", block " +
                                      std::to_string(page.slot.block) +
                                      " is taken already; nothing was overwritten in the index");
  }
  ++tally->taken[slabOf(page.slot)];
  tally->bytes += page.slot.bytes();
  return freed;
}

bool SegmentIndex::remove(IndexWrite& write, std::string_view page_key, std::optional<uint64_t> only_generation,
                          Tally* tally) const {
  std::optional<StoredPage> page = find(write, page_key);
  if (!page || (only_generation && page->generation != *only_generation)) return false;
  freeSlot(write, page->slot, tally);
  return write.remove(IndexTable::kPages, page_key);
}

void SegmentIndex::freeSlot(IndexWrite& write, const Slot& slot, Tally* tally) const {
  write.remove(IndexTable::kSlots, slotKey(slot.segment, slot.block));
  --tally->taken[slabOf(slot)];
  tally->bytes -= slot.bytes();
}

uint32_t SegmentIndex::slabOf(const Slot& slot) const {
  return slot.segment * SegmentGeometry::kSlabsPerSegment + slot.block / geometry_.slabBlocks();
}

void SegmentIndex::commit(IndexWrite& write, const Tally& tally) const {
  for (const auto& [number, change] : tally.taken) {
    std::optional<Slab> changed = slab(write, number);
    if (!changed || change == 0) continue;
    changed->taken = static_cast<uint32_t>(changed->taken + change);
    putSlab(write, *changed);
  }
  if (tally.bytes != 0) setFact(write, kBytesFact, fact(write, kBytesFact) + tally.bytes);
  if (tally.generation != 0) setFact(write, kGenerationFact, tally.generation);
  write.commit();
}

void SegmentIndex::visitPages(const IndexTransaction& transaction, std::string_view from,
                              const std::function<bool(std::string_view, const StoredPage&)>& visit) const {
  for (IndexCursor cursor(transaction, IndexTable::kPages, from); cursor; cursor.next()) {
    if (!visit(cursor.key(), decodePage(*database_, cursor.value()))) return;
  }
}

void SegmentIndex::visitSlots(const IndexTransaction& transaction,
                              const std::function<bool(const Slot&, std::string_view)>& visit) const {
  for (IndexCursor cursor(transaction, IndexTable::kSlots, {}); cursor; cursor.next()) {
    std::string_view key = cursor.key();
    Slot slot;
    slot.segment = take<uint32_t>(&key);
    slot.block = take<uint32_t>(&key);
    if (!visit(slot, cursor.value())) return;
  }
}

std::string SegmentIndex::keyAt(const IndexTransaction& transaction, const Slot& slot) const {
  std::string_view page_key;
  return transaction.get(IndexTable::kSlots, slotKey(slot.segment, slot.block), &page_key) ? std::string(page_key) : "";
}

std::vector<Slab> SegmentIndex::slabs(const IndexTransaction& transaction) const {
  std::vector<Slab> all;
  for (IndexCursor cursor(transaction, IndexTable::kSlabs, {}); cursor; cursor.next()) {
    if (cursor.key().size() == sizeof(uint32_t) && cursor.value().size() == kSlabBytes)
      all.push_back(decodeSlab(cursor.key(), cursor.value()));
  }
  return all;
}

std::optional<Slab> SegmentIndex::slab(const IndexTransaction& transaction, uint32_t number) const {
  const std::string key = slabKey(number);
  std::string_view value;
  if (!transaction.get(IndexTable::kSlabs, key, &value) || value.size() != kSlabBytes) return std::nullopt;
  return decodeSlab(key, value);
}

void SegmentIndex::putSlab(IndexWrite& write, const Slab& slab) const {
  std::string value;
  append(&value, slab.slot_blocks);
  append(&value, slab.taken);
  append(&value, slab.owner);
  write.put(IndexTable::kSlabs, slabKey(slab.number), value);
}

std::vector<Slot> SegmentIndex::freeSlots(const IndexTransaction& transaction, const Slab& slab) const {
  const uint32_t segment = slab.number / SegmentGeometry::kSlabsPerSegment;
  const uint32_t first = slab.number % SegmentGeometry::kSlabsPerSegment * geometry_.slabBlocks();
  const uint32_t end = first + std::max(geometry_.slabBlocks(), slab.slot_blocks);
  std::vector<Slot> free;
  uint32_t next = first;
  auto freeUpTo = [&](uint32_t limit) {
    for (; next + slab.slot_blocks <= limit; next += slab.slot_blocks) free.push_back({segment, next, slab.slot_blocks});
  };
  for (IndexCursor cursor(transaction, IndexTable::kSlots, slotKey(segment, first)); cursor; cursor.next()) {
    std::string_view key = cursor.key();
    if (take<uint32_t>(&key) != segment) break;
    const auto block = take<uint32_t>(&key);
    if (block >= end) break;
    freeUpTo(block);
    next = block + slab.slot_blocks;
  }
  freeUpTo(end);
  return free;
}

int64_t SegmentIndex::fact(const IndexTransaction& transaction, std::string_view name) const {
  std::string_view value;
  if (!transaction.get(IndexTable::kFacts, name, &value) || value.size() != sizeof(uint64_t)) return 0;
  return static_cast<int64_t>(take<uint64_t>(&value));
}

void SegmentIndex::setFact(IndexWrite& write, std::string_view name, int64_t value) const {
  std::string text;
  append(&text, static_cast<uint64_t>(value));
  write.put(IndexTable::kFacts, name, text);
}

int64_t SegmentIndex::bytes(const IndexTransaction& transaction) const { return fact(transaction, kBytesFact); }

uint32_t SegmentIndex::segmentCount(const IndexTransaction& transaction) const {
  return static_cast<uint32_t>(fact(transaction, kSegmentsFact));
}

int64_t SegmentIndex::segmentBytes(const IndexTransaction& transaction) const {
  return fact(transaction, kSegmentBytesAllFact);
}

void SegmentIndex::addSegment(IndexWrite& write, const std::vector<Slab>& slabs, int64_t bytes) const {
  for (const Slab& slab : slabs) putSlab(write, slab);
  setFact(write, kSegmentsFact, int64_t{segmentCount(write)} + 1);
  setFact(write, kSegmentBytesAllFact, segmentBytes(write) + bytes);
}

void SegmentIndex::removeSegment(IndexWrite& write, const Slab& only_slab) const {
  write.remove(IndexTable::kSlabs, slabKey(only_slab.number));
  setFact(write, kSegmentBytesAllFact, segmentBytes(write) - geometry_.bytesFor(only_slab.slot_blocks));
}

}  // namespace hicache
