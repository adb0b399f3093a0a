// SPDX-License-Identifier: Apache-2.0
//
// The program itself, on a directory of its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "expect_text.h"
#include "options.h"
#include "report.h"

extern char** environ;

namespace hicache::bench {
namespace {

class EndToEndTest : public testing::Test {
 protected:
  struct Ended {
    int status = 0;
    std::string output;
    std::string errors;
    Json json() const { return Json::parse(output); }
  };

  EndToEndTest() {
    std::string pattern = testing::TempDir() + "hicache-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
    folder_ = pattern;
  }
  ~EndToEndTest() override {
    if (running_ > 0) {
      ::kill(running_, SIGKILL);
      ::waitpid(running_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  std::string directory() const { return folder_ / "store"; }

  pid_t start(std::vector<std::string> arguments) {
    std::vector<std::string> common = {HICACHE_NIXL_BENCH, "--filepath", directory(), "--backend", "POSIX"};
    // What tests look at afterwards are files, unless they say otherwise.
    if (std::find(arguments.begin(), arguments.end(), "--layout") == arguments.end()) {
      common.insert(common.end(), {"--layout", "files"});
    }
    arguments.insert(arguments.begin(), common.begin(), common.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string output = folder_ / "output";
    const std::string errors = folder_ / "errors";
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT_EQ(::posix_spawn(&running_, HICACHE_NIXL_BENCH, &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return running_;
  }
  Ended end() {
    int status = 0;
    EXPECT_EQ(::waitpid(running_, &status, 0), running_);
    running_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read("output"), read("errors")};
  }
  Ended run(const std::vector<std::string>& arguments) {
    start(arguments);
    return end();
  }
  std::string read(const char* name) const {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Pages in the directory, by their size.
  std::vector<std::filesystem::path> pages(uintmax_t bytes) const {
    std::vector<std::filesystem::path> found;
    if (!std::filesystem::exists(directory())) return found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory())) {
      std::error_code gone;  // a running store renames and removes
      if (entry.is_regular_file(gone) && entry.file_size(gone) == bytes && !gone) found.push_back(entry.path());
    }
    return found;
  }

  std::filesystem::path folder_;
  pid_t running_ = -1;
};

const std::vector<std::string> kSmall = {"--start_block_size", "64K", "--keys", "40", "--start_batch_size", "16", "--verify"};

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_F(EndToEndTest, shouldMeasureAllOperationsAndLeaveNothingBehind) {
  const Ended ended = run(with(kSmall, {"--format", "json"}));
  ASSERT_EQ(ended.status, kExitGood) << ended.errors;
  const Json report = ended.json();
  ASSERT_EQ(report["rows"].size(), 3u);
  EXPECT_EQ(report["rows"][0]["operation"], "set");
  EXPECT_EQ(report["rows"][1]["operation"], "exists");
  EXPECT_EQ(report["rows"][2]["operation"], "get");
  for (const Json& row : report["rows"]) {
    EXPECT_EQ(row["pages"], 40);
    EXPECT_EQ(row["batches"], 3);
    EXPECT_GT(row["pages_per_s"], 0);
    EXPECT_GT(row["latency_us"]["p50"], 0);
    EXPECT_GE(row["latency_us"]["max"], row["latency_us"]["p99"]);
    EXPECT_EQ(row["failed"], 0);
  }
  EXPECT_EQ(report["rows"][0]["bytes"], 40 * 65536);
  for (int row : {0, 2}) {
    for (const char* phase : {"prepare", "post", "transfer", "finish"}) {
      EXPECT_GT(report["rows"][row]["phases_us"][phase]["avg"], 0) << row << " " << phase;
    }
  }
  EXPECT_FALSE(report["rows"][1].contains("phases_us")) << "exists moves nothing";
  EXPECT_EQ(report["rows"][2]["hits"], 40);
  EXPECT_EQ(report["rows"][2]["differing"], 0);
  EXPECT_GT(report["rows"][2]["cpu_s_per_gib"], 0);
  EXPECT_EQ(report["environment"]["backend"], "POSIX");
  for (const char* name : {"cpu", "cores", "kernel", "nixl", "queue", "lanes"})
    EXPECT_TRUE(report["environment"].contains(name)) << name;
  EXPECT_EQ(report["environment"]["directories"][0]["path"], directory());
  EXPECT_TRUE(report["problems"].empty());
  EXPECT_EQ(pages(65536).size(), 0u);
}

TEST_F(EndToEndTest, shouldMeasureAPlainLoopBesideTheStoreAndRemoveItsFiles) {
  for (const char* layout : {"files", "segments"}) {
    const Ended ended = run(with(kSmall, {"--plain", "--layout", layout, "--lanes", "2", "--format", "json"}));
    ASSERT_EQ(ended.status, kExitGood) << ended.errors;
    const Json rows = ended.json()["rows"];
    for (int row : {0, 2}) {
      EXPECT_GT(rows[row]["plain_gb_per_s"], 0);
      EXPECT_GT(rows[row]["percent_of_plain"], 0);
      EXPECT_TRUE(holds(rows[row]["plain_loop"], "65536 B in 2 threads"));
    }
    EXPECT_FALSE(rows[1].contains("percent_of_plain")) << "exists moves nothing";
    EXPECT_GT(ended.json()["environment"]["open_ms"], 0);
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      EXPECT_FALSE(holds(entry.path().filename(), "hicache_nixl_bench-plain"));
    }
  }
}

TEST_F(EndToEndTest, shouldMeasureTheIndexWithPagesOfNoBytes) {
  const std::vector<std::string> empty = {"--start_block_size", "0",      "--keys",   "500",  "--layout",
                                          "segments",           "--keep", "--format", "json", "--plain"};
  const Ended filled = run(with(empty, {"--op_type", "WRITE", "--start_batch_size", "100"}));
  ASSERT_EQ(filled.status, kExitGood) << filled.errors;
  EXPECT_EQ(filled.json()["rows"][0]["pages"], 500);
  const Ended asked = run(with(empty, {"--mix", "0:0:1", "--num_iter", "20", "--start_batch_size", "10", "--reuse"}));
  ASSERT_EQ(asked.status, kExitGood) << asked.errors;
  EXPECT_EQ(asked.json()["rows"][0]["hits"], 200);
  EXPECT_EQ(asked.json()["rows"][0]["bytes"], 0);
}

TEST_F(EndToEndTest, shouldMoveAllOfItsMemoryInTurn) {
  // 3 batches of memory and 5 of pages: a page is set from one place and read into others.
  const Ended ended = run({"--start_block_size", "4K", "--keys", "40", "--start_batch_size", "8", "--memory_pages", "24",
                           "--mix", "1:2:0", "--num_iter", "60", "--num_threads", "2", "--verify", "--format", "json"});
  ASSERT_EQ(ended.status, kExitGood) << ended.errors;
  for (const Json& row : ended.json()["rows"]) EXPECT_GT(row["bytes"], 0);
  const Ended planned = run({"--start_block_size", "4K", "--keys", "40", "--start_batch_size", "8", "--memory_pages", "24",
                             "--num_threads", "2", "--dry-run", "--format", "json"});
  EXPECT_EQ(planned.json()["plan"][0]["memory_bytes"], 2 * 24 * 4096);
}

TEST_F(EndToEndTest, shouldCountMissesAsTheHitRateSays) {
  const Ended ended = run({"--start_block_size", "4K", "--keys", "200", "--mix", "1:2:1", "--num_iter", "60", "--hit-rate",
                           "0.5", "--start_batch_size", "20", "--num_threads", "3", "--verify", "--format", "json"});
  ASSERT_EQ(ended.status, kExitGood) << ended.errors;
  const Json report = ended.json();
  int64_t batches = 0;
  for (const Json& row : report["rows"]) {
    EXPECT_EQ(row["workload"], "mix");
    batches += row["batches"].get<int64_t>();
    if (row["operation"] == "set") continue;
    EXPECT_EQ(row["hits"].get<int64_t>() + row["misses"].get<int64_t>(), row["pages"]);
    EXPECT_NEAR(row["hits"].get<double>() / row["pages"].get<double>(), 0.5, 0.2);
  }
  EXPECT_EQ(batches, 60);
}

TEST_F(EndToEndTest, shouldCountLatencyFromWhenABatchWasDue) {
  // Far more than one caller can do: the last batch is late by almost the whole run.
  const Ended ended = run({"--start_block_size", "1M", "--keys", "64", "--op_type", "WRITE", "--start_batch_size", "8",
                           "--num_iter", "40", "--rate", "100000", "--format", "json"});
  ASSERT_EQ(ended.status, kExitGood) << ended.errors;
  const Json row = ended.json()["rows"][0];
  EXPECT_EQ(row["batches"], 40);
  EXPECT_GT(row["latency_us"]["max"].get<double>(), 0.9e6 * row["seconds"].get<double>());
  EXPECT_GT(row["latency_us"]["p50"].get<double>(), 0.25e6 * row["seconds"].get<double>());
}

TEST_F(EndToEndTest, shouldKeepToTheRateThatIsAskedFor) {
  const Ended ended = run({"--start_block_size", "4K", "--keys", "10", "--op_type", "EXISTS", "--start_batch_size", "1",
                           "--num_iter", "20", "--rate", "50", "--format", "json"});
  ASSERT_EQ(ended.status, kExitGood) << ended.errors;
  EXPECT_GE(ended.json()["rows"][0]["seconds"].get<double>(), 19 / 50.0);
}

TEST_F(EndToEndTest, shouldFailWhenAPageIsDamagedBetweenTwoRuns) {
  ASSERT_EQ(run(with(kSmall, {"--op_type", "WRITE", "--keep"})).status, kExitGood);
  const std::vector<std::filesystem::path> kept = pages(65536);
  ASSERT_EQ(kept.size(), 40u);
  const std::vector<std::string> read_again = with(kSmall, {"--op_type", "READ", "--reuse", "--keep", "--format", "json"});
  ASSERT_EQ(run(read_again).status, kExitGood);
  {
    std::fstream page(kept[7], std::ios::in | std::ios::out | std::ios::binary);
    page.seekg(5000);
    const char byte = static_cast<char>(page.get() ^ 1);
    page.seekp(5000);
    page.put(byte);
  }
  const Ended unchecked = run(with(read_again, {"--checksum", "0", "--warmup_iter", "0"}));
  EXPECT_EQ(unchecked.status, kExitFailure);
  EXPECT_EQ(unchecked.json()["rows"][0]["differing"], 1);
  EXPECT_TRUE(holds(unchecked.errors, "from byte 5000 on"));
  const Ended checked = run(with(read_again, {"--warmup_iter", "0"}));
  EXPECT_EQ(checked.status, kExitFailure);
  EXPECT_EQ(checked.json()["rows"][0]["failed"], 1);
  EXPECT_TRUE(holds(checked.errors, "get"));
  const Ended lost = run(with(read_again, {"--warmup_iter", "0"}));
  EXPECT_EQ(lost.status, kExitFailure) << "the damaged page was removed";
  EXPECT_EQ(lost.json()["rows"][0]["lost"], 1);
}

TEST_F(EndToEndTest, shouldFailWhenItIsSlowerThanTheBaseline) {
  const Ended first = run(with(kSmall, {"--format", "json"}));
  ASSERT_EQ(first.status, kExitGood) << first.errors;
  Json report = first.json();
  const auto runAgainst = [&](double factor) {
    for (Json& row : report["rows"]) {
      if (row.contains("gb_per_s")) row["gb_per_s"] = row["gb_per_s"].get<double>() * factor;
      row["pages_per_s"] = row["pages_per_s"].get<double>() * factor;
    }
    const std::string path = folder_ / "baseline.json";
    std::ofstream(path) << report.dump();
    return run(with(kSmall, {"--format", "json", "--baseline", path, "--fail-if-slower", "50%"}));
  };
  const Ended slower = runAgainst(1000);
  EXPECT_EQ(slower.status, kExitSlower) << slower.errors;
  EXPECT_EQ(slower.json()["slower"], true);
  const Ended faster = runAgainst(1e-6);
  EXPECT_EQ(faster.status, kExitGood) << faster.errors;
  EXPECT_EQ(faster.json()["baseline"].size(), 3u);
}

TEST_F(EndToEndTest, shouldTouchNothingInADryRun) {
  const Ended ended = run({"--model", "llama3-8b", "--dry-run", "--format", "json"});
  ASSERT_EQ(ended.status, kExitGood) << ended.errors;
  EXPECT_EQ(ended.json()["plan"][0]["page_bytes"], 8 << 20);
  EXPECT_FALSE(std::filesystem::exists(directory()));
}

TEST_F(EndToEndTest, shouldEndWithAReportWhenInterrupted) {
  const pid_t pid =
      start({"--start_block_size", "64K", "--keys", "64", "--mix", "1:1:1", "--duration", "60", "--format", "json"});
  // From its first page on it is interruptible.
  for (int i = 0; i < 600 && pages(65536).empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ASSERT_EQ(::kill(pid, SIGINT), 0);
  ASSERT_EQ(::kill(pid, SIGINT), 0) << "timeout(1) signals twice";
  const auto asked = std::chrono::steady_clock::now();
  const Ended ended = end();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(30));
  EXPECT_EQ(ended.status, kExitInterrupted) << ended.errors;
  EXPECT_EQ(ended.json()["interrupted"], true);
  EXPECT_EQ(pages(65536).size(), 0u) << "it clears up";
}

TEST_F(EndToEndTest, shouldSayWhatIsColdAndWhatIsNot) {
  const Ended ended = run(with(kSmall, {"--op_type", "READ", "--cold", "--no-direct", "--format", "json"}));
  ASSERT_EQ(ended.status, kExitGood) << ended.errors;
  const Json cold = ended.json()["rows"][0]["cold"];
  EXPECT_EQ(cold["files"], 40);
  EXPECT_EQ(cold["bytes"], 40 * 65536);
  EXPECT_EQ(cold["bytes_left"] == 0, cold["problem"] == "");
}

TEST_F(EndToEndTest, shouldRefuseWithTheStatusesOfItsHelp) {
  const Ended usage = run({"--mix", "1"});
  EXPECT_EQ(usage.status, kExitUsage);
  EXPECT_TRUE(holds(usage.errors, "--mix"));
  const Ended refused = run({"--set", "colour=blue"});
  EXPECT_EQ(refused.status, kExitFailure);
  EXPECT_TRUE(holds(refused.errors, "colour"));
  const Ended layout = run({"--layout", "none"});
  EXPECT_EQ(layout.status, kExitFailure);
  EXPECT_TRUE(holds(layout.errors, "layout"));
  EXPECT_EQ(run({"--baseline", folder_ / "none"}).status, kExitFailure);
}

}  // namespace
}  // namespace hicache::bench
