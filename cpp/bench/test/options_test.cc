// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "expect_text.h"
#include "plan.h"

namespace hicache::bench {
namespace {

Options parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--filepath", "/d"});
  return parseCommandLine(arguments).options;
}

// The message of the refusal; empty when it is accepted.
std::string refusalOf(std::vector<std::string> arguments) {
  try {
    parse(std::move(arguments));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(OptionsTest, shouldTakeSizesAndFlagsAsNixlbenchNamesThem) {
  const Options options = parse({"--start_block_size",
                                 "64K",
                                 "--max_block_size=8M",
                                 "--start_batch_size",
                                 "1",
                                 "--max_batch_size",
                                 "32",
                                 "--total_buffer_size",
                                 "2GiB",
                                 "--num_iter",
                                 "7",
                                 "--warmup_iter",
                                 "3",
                                 "--num_threads",
                                 "4",
                                 "--posix_api_type",
                                 "URING",
                                 "--check_consistency",
                                 "--op_type",
                                 "READ",
                                 "--backend",
                                 "POSIX"});
  EXPECT_EQ(options.block_size_min, 65536);
  EXPECT_EQ(options.block_size_max, 8 << 20);
  EXPECT_EQ(options.batch_size_min, 1);
  EXPECT_EQ(options.batch_size_max, 32);
  EXPECT_EQ(options.total_bytes, int64_t{2} << 30);
  EXPECT_EQ(options.batches, 7);
  EXPECT_EQ(options.warmup_batches, 3);
  EXPECT_EQ(options.threads, 4);
  EXPECT_EQ(options.op_type, "READ");
  EXPECT_TRUE(options.verify);
  EXPECT_TRUE(holds(storeSettings(options), "plugin.use_uring", "true"));
}

TEST(OptionsTest, shouldFillWhatIsNotGiven) {
  const Options plain = parse({});
  EXPECT_EQ(plain.block_size_min, 1 << 20);
  EXPECT_EQ(plain.block_size_max, 1 << 20);
  EXPECT_EQ(plain.batch_size_max, 128);
  EXPECT_TRUE(plain.direct_io);
  const Options only_max = parse({"--max_block_size", "1M"});
  EXPECT_EQ(only_max.block_size_min, 4096);
  const Options only_start = parse({"--start_block_size", "1M"});
  EXPECT_EQ(only_start.block_size_max, 1 << 20);
}

TEST(OptionsTest, shouldTakeAPageFromTheModel) {
  const Options options = parse({"--model", "llama3-8b", "--page-tokens", "64", "--tp", "2", "--dtype", "fp8"});
  EXPECT_EQ(options.block_size_min, 2 << 20);
  EXPECT_EQ(options.block_size_max, 2 << 20);
}

TEST(OptionsTest, shouldReadAMixAndAPercentage) {
  const Options options =
      parse({"--mix", "1:8:0", "--duration", "2.5", "--rate", "50", "--baseline", "b.json", "--fail-if-slower", "5%"});
  ASSERT_TRUE(options.mix.has_value());
  EXPECT_EQ(options.mix->set, 1);
  EXPECT_EQ(options.mix->get, 8);
  EXPECT_EQ(options.mix->exists, 0);
  EXPECT_EQ(options.duration_seconds, 2.5);
  EXPECT_EQ(options.rate, 50);
  EXPECT_EQ(options.fail_if_slower, 5.0);
}

TEST(OptionsTest, shouldPassTheLayoutOnOnlyWhenItIsGiven) {
  for (const auto& [name, value] : storeSettings(parse({}))) EXPECT_NE(name, "layout");
  EXPECT_TRUE(holds(storeSettings(parse({"--layout", "segments"})), "layout", "segments"));
  const auto settings =
      storeSettings(parse({"--set", "chunk_pages=4", "--set", "plugin.x=a=b", "--no-direct", "--lanes", "3"}));
  EXPECT_TRUE(holds(settings, "chunk_pages", "4"));
  EXPECT_TRUE(holds(settings, "plugin.x", "a=b"));
  EXPECT_TRUE(holds(settings, "direct_io", "false"));
  EXPECT_TRUE(holds(settings, "lanes", "3"));
}

TEST(OptionsTest, shouldNameTheFlagThatIsWrong) {
  EXPECT_TRUE(holds(refusalOf({"--mix", "1:8"}), "--mix"));
  EXPECT_TRUE(holds(refusalOf({"--mix", "0:0:0", "--duration", "1"}), "--mix"));
  EXPECT_TRUE(holds(refusalOf({"--mix", "1:-8:1", "--duration", "1"}), "--mix"));
  EXPECT_TRUE(holds(refusalOf({"--mix", "1:8:1x", "--duration", "1"}), "--mix"));
  EXPECT_TRUE(holds(refusalOf({"--mix", "1:8:1"}), "--duration"));
  EXPECT_TRUE(holds(refusalOf({"--mix", "1:8:1", "--duration", "1", "--op_type", "READ"}), "--op_type"));
  EXPECT_TRUE(holds(refusalOf({"--hit-rate", "1.5"}), "--hit-rate"));
  EXPECT_TRUE(holds(refusalOf({"--fail-if-slower", "5"}), "--baseline"));
  EXPECT_TRUE(holds(refusalOf({"--baseline", "b", "--fail-if-slower", "fast"}), "--fail-if-slower"));
  EXPECT_TRUE(holds(refusalOf({"--model", "gpt"}), "--model"));
  EXPECT_TRUE(holds(refusalOf({"--model", "llama3-8b", "--start_block_size", "1M"}), "--start_block_size"));
  EXPECT_TRUE(holds(refusalOf({"--model", "llama3-8b", "--tp", "5"}), "--tp"));
  EXPECT_TRUE(holds(refusalOf({"--start_block_size", "2M", "--max_block_size", "1M"}), "--max_block_size"));
  EXPECT_TRUE(holds(refusalOf({"--start_block_size", "lots"}), "--start_block_size"));
  EXPECT_TRUE(holds(refusalOf({"--start_block_size", "0"}), "--keys"));
  EXPECT_TRUE(holds(refusalOf({"--start_block_size", "0", "--max_block_size", "4K", "--keys", "9"}), "--max_block_size"));
  EXPECT_TRUE(holds(refusalOf({"--num_iter", "5", "--duration", "5"}), "--num_iter"));
  EXPECT_TRUE(holds(refusalOf({"--reuse"}), "--reuse"));
  EXPECT_TRUE(holds(refusalOf({"--set", "lanes"}), "--set"));
  EXPECT_TRUE(holds(refusalOf({"--op-type", "READ"}), "--op-type")) << "nixlbench writes --op_type";
  EXPECT_THROW(parseCommandLine({"--model", "llama3-8b"}), UsageError) << "no directory";
}

TEST(OptionsTest, shouldExplainItselfWithTheExitStatuses) {
  const std::string help = parseCommandLine({"--help"}).text;
  for (const char* part : {"--filepath", "--start_block_size", "--mix", "--fail-if-slower", "Exit status", "130"}) {
    EXPECT_TRUE(holds(help, part));
  }
  EXPECT_FALSE(parseCommandLine({"--version"}).text.empty());
}

TEST(PlanTest, shouldDoubleFromStartToMaxAndEndWithMax) {
  const std::vector<Cell> cells = planOf(parse({"--start_block_size", "4K", "--max_block_size", "12K", "--start_batch_size",
                                                "1", "--max_batch_size", "2", "--total_buffer_size", "120K"}));
  std::vector<std::vector<int64_t>> shapes;
  for (const Cell& cell : cells) shapes.push_back({cell.page_bytes, cell.batch, cell.keys});
  EXPECT_EQ(shapes, (std::vector<std::vector<int64_t>>{
                        {4096, 1, 30}, {4096, 2, 30}, {8192, 1, 15}, {8192, 2, 15}, {12288, 1, 10}, {12288, 2, 10}}));
  EXPECT_EQ(cells[3].batchesOfAPass(), 8);
  EXPECT_EQ(cells[3].totalBytes(), 15 * 8192);
}

TEST(PlanTest, shouldGiveEachCallerWholeBatchesOfMemory) {
  const auto memoryOf = [](const char* pages) {
    return planOf(parse({"--keys", "100", "--start_batch_size", "8", "--memory_pages", pages}))[0].memory_pages;
  };
  EXPECT_EQ(memoryOf("1"), 8);
  EXPECT_EQ(memoryOf("8"), 8);
  EXPECT_EQ(memoryOf("47"), 40);
  EXPECT_EQ(planOf(parse({"--keys", "100", "--start_batch_size", "8"}))[0].memory_pages, 8);
}

TEST(PlanTest, shouldNotMakeABatchLargerThanThePages) {
  const std::vector<Cell> cells = planOf(parse({"--keys", "10", "--start_batch_size", "8", "--max_batch_size", "64"}));
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_EQ(cells[0].batch, 8);
  EXPECT_EQ(cells[1].batch, 10);
  EXPECT_THROW(planOf(parse({"--start_block_size", "8M", "--total_buffer_size", "1M"})), UsageError);
}

TEST(OptionsTest, shouldMeasureObjectsWithoutADirectory) {
  const Options options =
      parseCommandLine({"--backend", "OBJ", "--obj_bucket_name", "b", "--obj_endpoint_override", "http://127.0.0.1:7070"})
          .options;
  EXPECT_TRUE(options.keep) << "nobody else could remove what stays";
  const auto settings = storeSettings(options);
  for (const std::pair<std::string, std::string>& each :
       {std::pair<std::string, std::string>{"plugin.bucket", "b"}, {"plugin.endpoint_override", "http://127.0.0.1:7070"}}) {
    EXPECT_EQ(std::count(settings.begin(), settings.end(), each), 1) << each.first;
  }
  EXPECT_THROW(parseCommandLine({"--backend", "OBJ", "--fio"}), UsageError);
  EXPECT_THROW(parseCommandLine({"--backend", "POSIX"}), UsageError);
}

}  // namespace
}  // namespace hicache::bench
