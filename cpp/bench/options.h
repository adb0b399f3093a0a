// SPDX-License-Identifier: Apache-2.0
//
// The command line of hicache_nixl_bench. Flags that mean what they mean to nixlbench have its names.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hicache::bench {

// How the program ends.
enum ExitCode { kExitGood = 0, kExitUsage = 2, kExitFailure = 3, kExitSlower = 4, kExitInterrupted = 130 };

// The command line asks for what cannot be done; the message names the flag.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Weights of the operations of a mix.
struct Mix {
  int64_t set = 0;
  int64_t get = 0;
  int64_t exists = 0;
};

inline constexpr int64_t kNotGiven = -1;

struct Options {
  // the store
  std::vector<std::string> directories;
  std::string backend = "auto";
  std::string bucket;    // for OBJ; empty: AWS_DEFAULT_BUCKET, as the next ones
  std::string endpoint;  // empty: AWS
  std::string region;
  std::string ca_bundle;
  std::string queue = "default";  // AIO, URING, POSIXAIO
  int64_t ios_pool_size = 0;      // 0: the plugin's default, as for the next
  int64_t kernel_queue_size = 0;
  bool direct_io = true;
  bool checksum = true;
  std::string layout;  // empty: the store's default
  int64_t lanes = 0;
  std::vector<std::pair<std::string, std::string>> settings;  // more of hicache_store_open's, as they are
  // pages
  std::string model;
  int64_t page_tokens = 64;
  int64_t tp = 1;
  std::string dtype = "bf16";
  int64_t block_size_min = kNotGiven;
  int64_t block_size_max = kNotGiven;
  int64_t batch_size_min = kNotGiven;
  int64_t batch_size_max = kNotGiven;
  int64_t total_bytes = int64_t{1} << 30;
  int64_t keys = 0;          // 0: as many as total_bytes holds
  int64_t memory_pages = 0;  // of each caller; no less than a batch
  // work
  std::string op_type = "ALL";
  std::optional<Mix> mix;
  double hit_rate = 1;
  int64_t batches = 0;  // 0: until duration, or one pass over the keys
  int64_t warmup_batches = 2;
  double duration_seconds = 0;
  double rate = 0;  // batches a second of all threads together; 0: closed loop
  int64_t threads = 1;
  uint64_t seed = 1;
  int64_t timeout_millis = 30000;
  bool verify = false;
  bool cold = false;
  bool keep = false;
  bool reuse = false;
  // report
  std::string format = "text";
  std::string baseline;
  std::optional<double> fail_if_slower;  // percent
  bool fio = false;
  bool plain = false;
  bool dry_run = false;

  // Pages go into a bucket: nobody but its owner can remove them.
  bool storesObjects() const { return backend == "OBJ" || backend == "AZURE_BLOB"; }
};

// What the command line says: options, or a text to print (--help, --version). Throws UsageError.
struct CommandLine {
  Options options;
  std::string text;
};
CommandLine parseCommandLine(const std::vector<std::string>& arguments);

// The settings of hicache_store_open that the options stand for, in order.
std::vector<std::pair<std::string, std::string>> storeSettings(const Options& options);

}  // namespace hicache::bench
