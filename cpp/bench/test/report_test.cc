// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "baseline.h"
#include "expect_text.h"

namespace hicache::bench {
namespace {

Options optionsOf(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--filepath", "/d"});
  return parseCommandLine(arguments).options;
}

// 100 gets of 8 pages of 1 MB in a second, each of 1 ms.
Measurement getsOf(double seconds) {
  Measurement measurement;
  measurement.workload = "get";
  measurement.cell = {1000000, 8, 80};
  measurement.threads = 2;
  measurement.seconds = seconds;
  measurement.cpu_seconds = 0.5;
  OperationCount& count = measurement.operations[Operation::kGet];
  count.batches = 100;
  count.pages = 800;
  count.bytes = 800000000;
  count.hits = 800;
  for (int i = 0; i < 100; ++i) count.latency.record(std::chrono::milliseconds(1));
  return measurement;
}

Json reportOf(const std::vector<Measurement>& measurements, const Options& options = optionsOf({})) {
  return makeReport(options, Json{{"cpu", "a \"fast\", one"}}, measurements, {});
}

TEST(ReportTest, shouldComputeEveryRateOverTheTimeOfTheMeasurement) {
  const Json row = reportOf({getsOf(2)}, optionsOf({"--model", "llama3-8b", "--page-tokens", "64"}))["rows"][0];
  EXPECT_DOUBLE_EQ(row["gb_per_s"], 0.4);
  EXPECT_DOUBLE_EQ(row["pages_per_s"], 400);
  EXPECT_DOUBLE_EQ(row["tokens_per_s"], 25600);
  EXPECT_DOUBLE_EQ(row["us_per_page"], 2500);
  EXPECT_DOUBLE_EQ(row["cpu_us_per_page"], 625);
  EXPECT_NEAR(row["cpu_s_per_gib"].get<double>(), 0.5 / (0.8e9 / 1073741824.0), 1e-4);
  EXPECT_DOUBLE_EQ(row["latency_us"]["avg"], 1000);
  EXPECT_DOUBLE_EQ(row["latency_us"]["p99_9"], 1000);
  EXPECT_EQ(row["operation"], "get");
}

TEST(ReportTest, shouldGivePercentOfFio) {
  Measurement gets = getsOf(2);
  gets.fio[Operation::kGet] = {0.5, "fio --rw=read"};
  const Json report = reportOf({gets});
  EXPECT_DOUBLE_EQ(report["rows"][0]["percent_of_fio"], 80);
  EXPECT_TRUE(holds(render(report, "text"), "% of fio"));
  EXPECT_FALSE(holds(render(reportOf({getsOf(2)}), "text"), "% of fio")) << "a column without values";
}

TEST(ReportTest, shouldGivePercentOfThePlainLoop) {
  Measurement gets = getsOf(2);
  gets.plain[Operation::kGet] = {0.8, "pread"};
  const Json report = reportOf({gets});
  EXPECT_DOUBLE_EQ(report["rows"][0]["percent_of_plain"], 50);
  EXPECT_TRUE(holds(render(report, "text"), "% of plain"));
}

TEST(ReportTest, shouldGiveTheSameNumbersInEveryFormat) {
  Measurement gets = getsOf(2);
  gets.cache_drop = CacheDrop{3, 100, 40, "in memory, \"always\""};
  const Json report = reportOf({gets, getsOf(1)});
  const Json parsed = Json::parse(render(report, "json"));
  EXPECT_EQ(parsed["rows"].size(), 2u);
  EXPECT_EQ(parsed["rows"][1]["gb_per_s"], 0.8);
  EXPECT_EQ(parsed["schema"], kReportSchema);
  const std::string text = render(report, "text");
  EXPECT_TRUE(holds(text, "B/W (GB/Sec)"));
  EXPECT_TRUE(holds(text, "0.400"));
  EXPECT_TRUE(holds(text, "not cold: get of 1000000 B: 40 of 100 bytes"));
  std::istringstream csv(render(report, "csv"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(csv, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(holds(lines[0], "workload,operation,page_bytes,batch,threads"));
  EXPECT_TRUE(holds(lines[1], "get,get,1000000,8,2,"));
  const auto commas = [](const std::string& line) { return std::count(line.begin(), line.end(), ','); };
  EXPECT_EQ(commas(lines[0]), commas(lines[1]));
}

TEST(ReportTest, shouldSayWhatIsPlanned) {
  const Options options = optionsOf({"--model", "llama3-8b", "--keys", "10", "--start_batch_size", "4", "--dry-run"});
  const Json plan = planReport(options, planOf(options));
  EXPECT_EQ(plan["plan"][0]["page_bytes"], 8 << 20);
  EXPECT_EQ(plan["plan"][0]["pages"], 10);
  EXPECT_EQ(plan["plan"][0]["total_bytes"], 10 * (8 << 20));
  EXPECT_EQ(plan["plan"][0]["memory_bytes"], 4 * (8 << 20));
  EXPECT_TRUE(holds(render(plan, "text"), "total_bytes 83886080"));
  EXPECT_TRUE(holds(render(plan, "text"), "storage_dir=/d"));
  EXPECT_EQ(render(plan, "csv"), "page_bytes,batch,pages,total_bytes,memory_bytes\n8388608,4,10,83886080,33554432\n");
}

TEST(BaselineTest, shouldTellByHowMuchARowIsSlower) {
  const Json comparison = compare(reportOf({getsOf(1)}), reportOf({getsOf(2)}));
  ASSERT_EQ(comparison.size(), 1u);
  EXPECT_EQ(comparison[0]["compared"], "gb_per_s");
  EXPECT_DOUBLE_EQ(comparison[0]["slower_percent"], 50);
  EXPECT_TRUE(isSlower(comparison, 49));
  EXPECT_FALSE(isSlower(comparison, 50));
  EXPECT_FALSE(isSlower(compare(reportOf({getsOf(2)}), reportOf({getsOf(1)})), 0)) << "faster";
}

TEST(BaselineTest, shouldCompareLatenciesWhereTheRateIsGiven) {
  Measurement before = getsOf(1);
  before.rate = 100;
  Measurement after = before;
  for (int i = 0; i < 200; ++i) after.operations[Operation::kGet].latency.record(std::chrono::milliseconds(3));
  const Json comparison = compare(reportOf({before}), reportOf({after}));
  EXPECT_EQ(comparison[0]["compared"], "latency_us.p50");
  EXPECT_NEAR(comparison[0]["slower_percent"].get<double>(), 200, 0.2);
}

TEST(BaselineTest, shouldRefuseReportsThatHaveNothingInCommon) {
  Measurement other = getsOf(1);
  other.cell.batch = 16;
  EXPECT_THROW(compare(reportOf({other}), reportOf({getsOf(1)})), StoreError);
}

class BaselineFileTest : public testing::Test {
 protected:
  ~BaselineFileTest() override { ::unlink(path_.c_str()); }
  void write(const std::string& text) const { std::ofstream(path_) << text; }
  const std::string path_ = testing::TempDir() + "baseline-" + std::to_string(::getpid()) + ".json";
};

TEST_F(BaselineFileTest, shouldReadWhatARunWrote) {
  const Json report = reportOf({getsOf(1)});
  write(render(report, "json"));
  EXPECT_EQ(readBaseline(path_), report);
}

TEST_F(BaselineFileTest, shouldRefuseAFileThatIsNoReport) {
  EXPECT_THROW(readBaseline(path_ + "-none"), StoreError);
  for (const char* text : {"", "{", "[]", "{\"rows\": []}", "{\"schema\": 99, \"rows\": []}"}) {
    write(text);
    EXPECT_THROW(readBaseline(path_), StoreError) << text;
  }
}

}  // namespace
}  // namespace hicache::bench
