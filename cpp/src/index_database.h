// SPDX-License-Identifier: Apache-2.0
//
// LMDB as scopes: a database file of named tables, read by any number of processes without locks, written by one at a time.
// A process that dies in the middle of a write has written nothing.
#pragma once

#include <lmdb.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hicache_nixl.h"

namespace hicache {

// When a commit is on the disk: survives the end of the process in each case.
enum class Durability {
  kNone,  // when the kernel writes it: nothing may be left after the machine stops
  kData,  // all but the latest commits survive the machine
  kFull,  // every commit does
};

enum class IndexTable { kPages, kSlots, kSlabs, kFacts };

// Threads: safe from any number of threads.
class IndexDatabase {
 public:
  // Opens or makes the file name in an open folder; one that this process has open already is shared. where: the folder's path,
  // for messages. Throws IO, NO_SPACE, or CORRUPT for a file that is no such database.
  static std::shared_ptr<IndexDatabase> open(int folder, const std::string& name, const std::string& where,
                                             Durability durability);
  ~IndexDatabase();
  IndexDatabase(const IndexDatabase&) = delete;
  IndexDatabase& operator=(const IndexDatabase&) = delete;

  // Writes all that is committed to the disk.
  void sync();
  // Forgets readers that have died, so that what they looked at can be used again.
  void dropDeadReaders();

  // A reading transaction, to be given back: taking one that was used before costs no lock of other processes.
  MDB_txn* takeReader();
  void giveReader(MDB_txn* reader);

  MDB_env* handle() const { return environment_; }
  MDB_dbi table(IndexTable table) const { return tables_[static_cast<size_t>(table)]; }
  // Throws an Error for an LMDB status.
  [[noreturn]] void fail(const char* what, int status) const;

 private:
  explicit IndexDatabase(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  MDB_env* environment_ = nullptr;
  MDB_dbi tables_[4] = {};
  std::pair<dev_t, ino_t> folder_;
  bool shared_ = false;  // known to this process by its folder
  std::mutex mutex_;     // guards what follows
  std::vector<MDB_txn*> idle_readers_;
};

// What all transactions can do. What they return points into the database and lives as long as the transaction; in a writing
// one until the next write.
class IndexTransaction {
 public:
  IndexTransaction(const IndexTransaction&) = delete;
  IndexTransaction& operator=(const IndexTransaction&) = delete;

  bool get(IndexTable table, std::string_view key, std::string_view* value) const;

  IndexDatabase& database() const { return database_; }
  MDB_txn* handle() const { return transaction_; }

 protected:
  IndexTransaction(IndexDatabase& database, MDB_txn* transaction) : database_(database), transaction_(transaction) {}
  ~IndexTransaction() = default;

  IndexDatabase& database_;
  MDB_txn* transaction_ = nullptr;
};

// The database as it is now; what others commit later is not seen. Threads: one at a time.
class IndexRead final : public IndexTransaction {
 public:
  explicit IndexRead(IndexDatabase& database) : IndexTransaction(database, database.takeReader()) {}
  ~IndexRead();
};

// Nobody else writes until its end. Undone unless committed. Threads: the one that made it.
class IndexWrite final : public IndexTransaction {
 public:
  explicit IndexWrite(IndexDatabase& database);
  ~IndexWrite();

  void put(IndexTable table, std::string_view key, std::string_view value);
  // False when the key is there already; then nothing changes, and known is what it has.
  bool putNew(IndexTable table, std::string_view key, std::string_view value, std::string_view* known = nullptr);
  // False when there is no such key.
  bool remove(IndexTable table, std::string_view key);
  void commit();
};

// Walks over a table in the order of its keys. The transaction outlives it.
class IndexCursor {
 public:
  // Stands at the first key that is not before from.
  IndexCursor(const IndexTransaction& transaction, IndexTable table, std::string_view from);
  ~IndexCursor();
  IndexCursor(const IndexCursor&) = delete;
  IndexCursor& operator=(const IndexCursor&) = delete;

  // False at the end.
  explicit operator bool() const { return valid_; }
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  void next();

 private:
  void move(MDB_cursor_op operation, MDB_val* key);

  const IndexTransaction& transaction_;
  MDB_cursor* cursor_ = nullptr;
  bool valid_ = false;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace hicache
