// SPDX-License-Identifier: Apache-2.0
//
// The child's side of child_process.h.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "child_process.h"
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

// Stands in the middle of a set for ever.
int holdATransfer(const std::string& directory) {
  auto nixl = std::make_shared<FaultyNixl>();
  Outside outside;
  outside.nixl = nixl;
  StoreClient client(storeConfig({directory}, anyQueue()), outside);
  PageMemory page = numberedPage(1, 1);
  nixl->hold();
  client.submit(Operation::kSet, {PageArgument(numberedKey(1), page)}, StoreClient::kTimeoutMillis);
  while (nixl->heldCount() == 0) ::usleep(1000);
  std::printf("held\n");
  std::fflush(stdout);
  for (;;) ::pause();
}

}  // namespace

bool runAsChild(int* argc, char** argv, int* exit_status) {
  if (*argc < 2) return false;
  const std::string_view part = argv[1];
  if (part == kSetPagesForEver && *argc == 4) {
    *exit_status = setPagesForEver(argv[2], std::strtoull(argv[3], nullptr, 10));
    return true;
  }
  if (part == kHoldATransfer && *argc == 3) {
    *exit_status = holdATransfer(argv[2]);
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
