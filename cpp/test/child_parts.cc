// SPDX-License-Identifier: Apache-2.0
//
// The child's side of child_process.h.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "child_process.h"
#include "crash_scenarios.h"
#include "faulty_nixl.h"
#include "numbered_page.h"
#include "store_fixture.h"

namespace hicache {
namespace {

// From here on each of two system calls fails with this errno, in this thread and those that it starts.
void deny(unsigned first, unsigned second, unsigned error_number) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, second, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("seccomp");
    std::exit(2);
  }
}

// Sets numbered pages, each in its next generation, until it is killed.
int setPagesForEver(const std::string& directory, uint64_t seed) {
  StoreClient client(storeConfig({directory}, anyQueue(), {{"lanes", "2"}, {"chunk_pages", "3"}}));
  std::mt19937_64 random(seed);
  std::printf("ready\n");
  std::fflush(stdout);
  for (uint64_t generation = 1;; ++generation) {
    std::vector<PageMemory> pages;
    std::vector<PageArgument> batch;
    uint64_t first = random() % 16;
    for (uint64_t key = first; key < first + 16; ++key) pages.push_back(numberedPage(key, generation));
    for (uint64_t i = 0; i < 16; ++i) batch.emplace_back(numberedKey(first + i), pages[i]);
    client.set(batch);
  }
}

// Stands in the middle of a set for ever. setting: one more of the store, as NAME=VALUE.
int holdATransfer(const std::string& directory, const std::string& setting) {
  auto nixl = std::make_shared<FaultyNixl>();
  Outside outside;
  outside.nixl = nixl;
  SettingPairs more;
  size_t equals = setting.find('=');
  if (equals != std::string::npos) more.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  StoreClient client(storeConfig({directory}, anyQueue(), more), outside);
  PageMemory page = numberedPage(1, 1);
  nixl->hold();
  client.submit(Operation::kSet, {PageArgument(numberedKey(1), page)}, StoreClient::kTimeoutMillis);
  while (nixl->heldCount() == 0) ::usleep(1000);
  std::printf("held\n");
  std::fflush(stdout);
  for (;;) ::pause();
}

// Does everything that changes how many bytes there are, and is killed before the nth call that changes something.
int countAndDie(const std::string& directory, int64_t nth) {
  auto files = std::make_shared<FaultyFiles>();
  Outside outside;
  outside.files = files;
  const PageMemory small = PageMemory::random(3000, 1);
  const PageMemory large = PageMemory::random(9000, 2);
  StoreClient client(storeConfig({directory}, anyQueue(), {{"capacity_bytes", "57344"}, {"lanes", "1"}}), outside);
  while (client.described("usage_ready") != "true") ::usleep(1000);
  files->dieAtChange(nth);
  client.set({{"a", small}, {"b", small}});
  client.set({{"a", large}, {"b", small}});
  client.set({{"a", small}});
  client.set({{"c", large}, {"d", large}, {"e", large}});
  client.remove({"b", "none"});
  client.evict();
  client.clear();
  files->dieAtChange(0);
  std::printf("ended\n");
  std::fflush(stdout);
  return 0;
}

std::atomic<bool> told_to_end{false};

// One thread of sharing a capacity: false when it has seen what must not be.
bool shareWithOthers(StoreClient& client, uint64_t keys, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (uint64_t generation = seed << 20; !told_to_end.load(); ++generation) {
    const uint64_t first = random() % keys;
    const uint64_t what = random() % 1000;
    if (what < 550) {
      std::vector<PageMemory> pages;
      std::vector<PageArgument> batch;
      for (uint64_t key = first; key < first + 1 + random() % 12; ++key) pages.push_back(numberedPage(key, generation));
      for (size_t i = 0; i < pages.size(); ++i) batch.emplace_back(numberedKey(first + i), pages[i]);
      for (const PageResult& result : client.set(batch)) {
        // Others may take all the room there is, and time may run out on a busy machine.
        bool fine = result.outcome == HICACHE_STORED || result.outcome == HICACHE_TIMED_OUT ||
                    (result.outcome == HICACHE_FAILED && result.cause->code() == HICACHE_NO_SPACE);
        if (!fine) {
          std::printf("set: outcome %d: %s\n", result.outcome, result.cause == nullptr ? "" : result.cause->what());
          return false;
        }
      }
    } else if (what < 950) {
      const PageMemory target(numberedSize(random()));
      const PageResult result = client.getPage(numberedKey(first), target);
      uint64_t found = 0;
      bool fine = result.outcome == HICACHE_MISS || result.outcome == HICACHE_TIMED_OUT ||
                  (result.outcome == HICACHE_HIT && isNumberedPage(first, target, &found)) ||
                  (result.outcome == HICACHE_FAILED && result.cause->code() == HICACHE_INVALID_ARGUMENT);  // another length
      if (!fine) {
        std::printf("get: outcome %d: %s\n", result.outcome, result.cause == nullptr ? "wrong bytes" : result.cause->what());
        return false;
      }
    } else if (what < 985) {
      client.removePage(numberedKey(first));
    } else if (what < 990) {
      client.pin({numberedKey(first)}, 50);
    } else if (what < 999) {
      try {
        client.evict(5000);
      } catch (const Error& error) {
        if (error.code() != HICACHE_TIMEOUT) throw;
      }
    } else {
      client.clear();
    }
  }
  return true;
}

// Four threads set, get, evict, delete and clear until they are told to end.
int shareACapacity(const std::string& first, const std::string& second, const std::string& capacity, uint64_t seed) {
  ::signal(SIGTERM, [](int) { told_to_end.store(true); });
  StoreClient client(storeConfig({first, second}, anyQueue(), {{"capacity_bytes", capacity}, {"lanes", "2"}}));
  // Some more than there is room for.
  const uint64_t keys = std::stoull(capacity) / 7000;
  std::atomic<bool> fine{true};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      try {
        if (shareWithOthers(client, keys, seed % 1000003 * 4 + i)) return;
      } catch (const std::exception& error) {
        std::printf("%s\n", error.what());
      }
      fine.store(false);
      told_to_end.store(true);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::fflush(stdout);
  return fine.load() ? 0 : 1;
}

}  // namespace

bool runAsChild(int* argc, char** argv, int* exit_status) {
  if (*argc < 2) return false;
  const std::string_view part = argv[1];
  if (part == kSetPagesForEver && *argc == 4) {
    *exit_status = setPagesForEver(argv[2], std::strtoull(argv[3], nullptr, 10));
    return true;
  }
  if (part == kHoldATransfer && (*argc == 3 || *argc == 4)) {
    *exit_status = holdATransfer(argv[2], *argc == 4 ? argv[3] : "");
    return true;
  }
  if (part == kShareACapacity && *argc == 6) {
    *exit_status = shareACapacity(argv[2], argv[3], argv[4], std::strtoull(argv[5], nullptr, 10));
    return true;
  }
  if (part == kPlayAScenario && *argc == 5) {
    *exit_status = playScenario(argv[2], argv[3], argv[4]);
    return true;
  }
  if (part == kCountAndDie && *argc == 4) {
    *exit_status = countAndDie(argv[2], std::strtoll(argv[3], nullptr, 10));
    return true;
  }
  if (part == kNoOpenat2) {
    deny(SYS_openat2, SYS_openat2, ENOSYS);
  } else if (part == kDeniedOpenat2) {
    deny(SYS_openat2, SYS_openat2, EPERM);
  } else if (part == kDeniedAio) {
    deny(SYS_io_setup, SYS_io_uring_setup, EPERM);
  } else {
    return false;
  }
  for (int i = 1; i + 1 < *argc; ++i) argv[i] = argv[i + 1];
  --*argc;
  return false;
}

}  // namespace hicache
