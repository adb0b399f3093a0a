// SPDX-License-Identifier: Apache-2.0
#include "index_database.h"

#include <sys/stat.h>

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "error.h"

namespace hicache {
namespace {

// Address space only: the file grows with what is in it. Some 200 million pages.
constexpr size_t kMapBytes = size_t{64} << 30;
constexpr unsigned kReadersMax = 4096;
constexpr mode_t kFileMode = 0600;
constexpr const char* kTableNames[] = {"pages", "slots", "slabs", "facts"};

// LMDB forbids a process to open a file twice: one stands here until it is closed.
struct OpenDatabases {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<std::pair<dev_t, ino_t>, std::weak_ptr<IndexDatabase>> by_folder;
};

OpenDatabases& openDatabases() {
  static OpenDatabases* all = new OpenDatabases();  // outlives every thread that may still have a store open
  return *all;
}

unsigned flagsOf(Durability durability) {
  constexpr unsigned kAlways = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
  switch (durability) {
    case Durability::kNone:
      return kAlways | MDB_NOSYNC;
    case Durability::kData:
      return kAlways | MDB_NOMETASYNC;
    case Durability::kFull:
      break;
  }
  return kAlways;
}

MDB_val valueOf(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view textOf(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

}  // namespace

std::shared_ptr<IndexDatabase> IndexDatabase::open(int folder, const std::string& name, const std::string& where,
                                                   Durability durability) {
  struct stat status = {};
  if (::fstat(folder, &status) != 0) throw errnoError("opening the index in '" + where + "'", errno);
  OpenDatabases& all = openDatabases();
  std::unique_lock<std::mutex> lock(all.mutex);
  const std::pair<dev_t, ino_t> key(status.st_dev, status.st_ino);
  std::shared_ptr<IndexDatabase> shared;
  all.closed.wait(lock, [&] {
    auto known = all.by_folder.find(key);
    if (known == all.by_folder.end()) return true;
    shared = known->second.lock();
    return shared != nullptr;  // else its last owner is closing it
  });
  if (shared != nullptr) return shared;

  std::shared_ptr<IndexDatabase> made(new IndexDatabase(where + "/" + name));
  int rc = ::mdb_env_create(&made->environment_);
  if (rc != 0) made->fail("making the index", rc);
  ::mdb_env_set_mapsize(made->environment_, kMapBytes);
  ::mdb_env_set_maxreaders(made->environment_, kReadersMax);
  ::mdb_env_set_maxdbs(made->environment_, std::size(kTableNames));
  // By the open folder, so that no symbolic link can lead elsewhere.
  const std::string path = "/proc/self/fd/" + std::to_string(folder) + "/" + name;
  rc = ::mdb_env_open(made->environment_, path.c_str(), flagsOf(durability), kFileMode);
  if (rc != 0) made->fail("opening the index", rc);
  MDB_txn* transaction = nullptr;
  rc = ::mdb_txn_begin(made->environment_, nullptr, 0, &transaction);
  if (rc != 0) made->fail("opening the index", rc);
  for (size_t i = 0; i < std::size(kTableNames) && rc == 0; ++i) {
    rc = ::mdb_dbi_open(transaction, kTableNames[i], MDB_CREATE, &made->tables_[i]);
  }
  if (rc != 0) {
    ::mdb_txn_abort(transaction);
    made->fail("opening the index's tables", rc);
  }
  rc = ::mdb_txn_commit(transaction);
  if (rc != 0) made->fail("opening the index's tables", rc);
  made->dropDeadReaders();
  made->folder_ = key;
  made->shared_ = true;
  all.by_folder[key] = made;
  return made;
}

IndexDatabase::~IndexDatabase() {
  for (MDB_txn* reader : idle_readers_) ::mdb_txn_abort(reader);
  ::mdb_env_close(environment_);
  if (!shared_) return;
  OpenDatabases& all = openDatabases();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.by_folder.erase(folder_);
  all.closed.notify_all();
}

void IndexDatabase::sync() {
  int rc = ::mdb_env_sync(environment_, 1);
  if (rc != 0) fail("writing to the disk", rc);
}

void IndexDatabase::dropDeadReaders() {
  int dead = 0;
  ::mdb_reader_check(environment_, &dead);
}

void IndexDatabase::fail(const char* what, int status) const {
  const std::string text = std::string(what) + ": '" + path_ + "': ";
  switch (status) {
    case MDB_MAP_FULL:
      throw Error(HICACHE_NO_SPACE, text + "the index is as large as it can get; evict pages, or use more directories");
    case MDB_READERS_FULL:
      throw Error(HICACHE_IO, text + "more than " + std::to_string(kReadersMax) + " threads read it; open fewer stores");
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_PANIC:
      throw Error(HICACHE_CORRUPT, text + ::mdb_strerror(status) +
                                       "; the pages are lost: close every store of the directory and remove this file");
    default:
      break;
  }
  if (status > 0) throw errnoError(text + "LMDB", status);
  throw Error(HICACHE_INTERNAL, text + ::mdb_strerror(status));
}

MDB_txn* IndexDatabase::takeReader() {
  MDB_txn* reader = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_readers_.empty()) {
      reader = idle_readers_.back();
      idle_readers_.pop_back();
    }
  }
  const int rc = reader == nullptr ? ::mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reader) : ::mdb_txn_renew(reader);
  if (rc == 0) return reader;
  if (reader != nullptr) ::mdb_txn_abort(reader);
  fail("reading", rc);
}

void IndexDatabase::giveReader(MDB_txn* reader) {
  ::mdb_txn_reset(reader);
  std::lock_guard<std::mutex> lock(mutex_);
  idle_readers_.push_back(reader);
}

IndexRead::~IndexRead() { database_.giveReader(transaction_); }

IndexWrite::IndexWrite(IndexDatabase& database) : IndexTransaction(database, nullptr) {
  int rc = ::mdb_txn_begin(database.handle(), nullptr, 0, &transaction_);
  if (rc != 0) database.fail("writing", rc);
}

IndexWrite::~IndexWrite() {
  if (transaction_ != nullptr) ::mdb_txn_abort(transaction_);
}

bool IndexTransaction::get(IndexTable table, std::string_view key, std::string_view* value) const {
  MDB_val wanted = valueOf(key);
  MDB_val found = {};
  int rc = ::mdb_get(transaction_, database_.table(table), &wanted, &found);
  if (rc == MDB_NOTFOUND) return false;
  if (rc != 0) database_.fail("reading", rc);
  *value = textOf(found);
  return true;
}

void IndexWrite::put(IndexTable table, std::string_view key, std::string_view value) {
  MDB_val name = valueOf(key);
  MDB_val content = valueOf(value);
  int rc = ::mdb_put(transaction_, database_.table(table), &name, &content, 0);
  if (rc != 0) database_.fail("writing", rc);
}

bool IndexWrite::putNew(IndexTable table, std::string_view key, std::string_view value, std::string_view* known) {
  MDB_val name = valueOf(key);
  MDB_val content = valueOf(value);
  int rc = ::mdb_put(transaction_, database_.table(table), &name, &content, MDB_NOOVERWRITE);
  if (rc == MDB_KEYEXIST) {
    if (known != nullptr) *known = textOf(content);
    return false;
  }
  if (rc != 0) database_.fail("writing", rc);
  return true;
}

bool IndexWrite::remove(IndexTable table, std::string_view key) {
  MDB_val name = valueOf(key);
  int rc = ::mdb_del(transaction_, database_.table(table), &name, nullptr);
  if (rc == MDB_NOTFOUND) return false;
  if (rc != 0) database_.fail("writing", rc);
  return true;
}

void IndexWrite::commit() {
  int rc = ::mdb_txn_commit(std::exchange(transaction_, nullptr));
  if (rc != 0) database_.fail("committing", rc);
}

IndexCursor::IndexCursor(const IndexTransaction& transaction, IndexTable table, std::string_view from)
    : transaction_(transaction) {
  int rc = ::mdb_cursor_open(transaction.handle(), transaction.database().table(table), &cursor_);
  if (rc != 0) transaction.database().fail("reading", rc);
  MDB_val key = valueOf(from);
  move(from.empty() ? MDB_FIRST : MDB_SET_RANGE, &key);
}

IndexCursor::~IndexCursor() { ::mdb_cursor_close(cursor_); }

void IndexCursor::next() {
  MDB_val key = {};
  move(MDB_NEXT, &key);
}

void IndexCursor::move(MDB_cursor_op operation, MDB_val* key) {
  MDB_val value = {};
  int rc = ::mdb_cursor_get(cursor_, key, &value, operation);
  if (rc != 0 && rc != MDB_NOTFOUND) transaction_.database().fail("reading", rc);
  valid_ = rc == 0;
  if (!valid_) return;
  key_ = textOf(*key);
  value_ = textOf(value);
}

}  // namespace hicache
