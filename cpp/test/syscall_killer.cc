// SPDX-License-Identifier: Apache-2.0
#include "syscall_killer.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <set>
#include <system_error>
#include <vector>

namespace hicache {
namespace {

struct Call {
  unsigned number;
  const char* name;
};

#define CALL(name) {SYS_##name, #name}

// Some of them change something only with certain arguments, see changesSomething.
constexpr Call kCalls[] = {
    // bytes
    CALL(write), CALL(writev), CALL(pwrite64), CALL(pwritev), CALL(pwritev2), CALL(io_submit), CALL(io_uring_enter),
    CALL(copy_file_range), CALL(sendfile), CALL(splice), CALL(truncate), CALL(ftruncate), CALL(fallocate),
    // names
    CALL(openat), CALL(openat2), CALL(mkdirat), CALL(mknodat), CALL(linkat), CALL(symlinkat), CALL(unlinkat), CALL(renameat2),
#ifdef SYS_renameat
    CALL(renameat),
#endif
#ifdef SYS_open  // and the others of old machines
    CALL(open), CALL(creat), CALL(mkdir), CALL(rmdir), CALL(mknod), CALL(link), CALL(symlink), CALL(unlink), CALL(rename),
#endif
    // attributes
    CALL(setxattr), CALL(lsetxattr), CALL(fsetxattr), CALL(removexattr), CALL(lremovexattr), CALL(fremovexattr),
    CALL(utimensat), CALL(fchmod), CALL(fchmodat), CALL(fchown), CALL(fchownat),
    // what reaches the disk
    CALL(fsync), CALL(fdatasync), CALL(sync_file_range), CALL(syncfs), CALL(msync),
    // locks
    CALL(flock), CALL(fcntl)};

#undef CALL

const char* nameOf(uint64_t number) {
  const Call* call =
      std::find_if(std::begin(kCalls), std::end(kCalls), [=](const Call& each) { return each.number == number; });
  return call == std::end(kCalls) ? "?" : call->name;
}

[[noreturn]] void endUntraced(const char* what) {
  std::printf("%s: %s\n", what, std::strerror(errno));
  std::fflush(stdout);
  std::_Exit(kNotTraceable);
}

std::string targetOf(pid_t thread, uint64_t descriptor) {
  std::error_code none;  // then it is no descriptor
  return std::filesystem::read_symlink("/proc/" + std::to_string(thread) + "/fd/" + std::to_string(descriptor), none).string();
}

// Asks a stopped thread, or has it go on. It may have been killed meanwhile: false then.
bool ask(__ptrace_request request, pid_t thread, void* address, uintptr_t data) {
  if (::ptrace(request, thread, address, data) >= 0) return true;
  if (errno == ESRCH) return false;
  throw std::system_error(errno, std::generic_category(), "ptrace");
}

bool changesSomething(pid_t thread, uint64_t number, const __uint64_t* arguments) {
  constexpr uint64_t kMakes = O_CREAT | O_TRUNC;
  switch (number) {
    case SYS_write:
    case SYS_writev:
      // Not to pipes, nor what is said to whoever watches.
      return arguments[0] > STDERR_FILENO && targetOf(thread, arguments[0]).starts_with('/');
    case SYS_openat:
      return (arguments[2] & kMakes) != 0;
    case SYS_openat2:
      return (static_cast<uint64_t>(::ptrace(PTRACE_PEEKDATA, thread, arguments[2], nullptr)) & kMakes) != 0;
#ifdef SYS_open
    case SYS_open:
      return (arguments[1] & kMakes) != 0;
#endif
    case SYS_io_uring_enter:
      return arguments[1] > 0;
    case SYS_fcntl:
      return arguments[1] == F_SETLK || arguments[1] == F_SETLKW || arguments[1] == F_OFD_SETLK || arguments[1] == F_OFD_SETLKW;
    default:
      return true;
  }
}

// A thread stands at the entry of one of kCalls. True when that is to be its end.
bool isTheLast(pid_t thread, int64_t nth, TracedRun* run) {
  struct __ptrace_syscall_info call = {};
  if (!ask(PTRACE_GET_SYSCALL_INFO, thread, reinterpret_cast<void*>(sizeof(call)), reinterpret_cast<uintptr_t>(&call)))
    return false;
  if (!changesSomething(thread, call.seccomp.nr, call.seccomp.args)) return false;
  ++run->changes;
  if (run->changes != nth) return false;
  run->last = std::string(nameOf(call.seccomp.nr)) + " " + targetOf(thread, call.seccomp.args[0]);
  return true;
}

}  // namespace

void letParentTrace() {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) endUntraced("ptrace");
  ::raise(SIGSTOP);
}

void countChangesFromHere() {
  constexpr size_t kCount = std::size(kCalls);
  std::vector<struct sock_filter> code = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  for (size_t i = 0; i < kCount; ++i)
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kCalls[i].number, static_cast<uint8_t>(kCount - i), 0));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  const struct sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
    endUntraced("seccomp");
}

TracedRun runTraced(ChildProcess& child, int64_t nth) {
  TracedRun run;
  std::set<pid_t> threads;
  for (;;) {
    int status = 0;
    const pid_t thread = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) throw std::system_error(errno, std::generic_category(), "waitpid");
    if (!WIFSTOPPED(status)) {
      threads.erase(thread);
      if (thread != child.pid()) continue;
      run.status = child.ended(status);
      return run;
    }
    if (threads.insert(thread).second) {  // each begins with SIGSTOP
      constexpr uintptr_t kOptions = PTRACE_O_TRACECLONE | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
      if (thread == child.pid()) ask(PTRACE_SETOPTIONS, thread, nullptr, kOptions);
      ask(PTRACE_CONT, thread, nullptr, 0);
      continue;
    }
    const int event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP && !run.killed && isTheLast(thread, nth, &run)) {
      run.killed = true;
      child.kill();
      continue;
    }
    ask(PTRACE_CONT, thread, nullptr, event != 0 ? 0 : static_cast<uintptr_t>(WSTOPSIG(status)));
  }
}

}  // namespace hicache
