// SPDX-License-Identifier: Apache-2.0
#include "latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace hicache::bench {
namespace {

using std::chrono::nanoseconds;

TEST(LatencyHistogramTest, shouldGivePercentilesWithinATenthOfAPercent) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> spread(12, 3);  // from nanoseconds to seconds
  std::vector<int64_t> values;
  LatencyHistogram histogram;
  for (int i = 0; i < 20000; ++i) {
    values.push_back(static_cast<int64_t>(spread(random)));
    histogram.record(nanoseconds(values.back()));
  }
  std::sort(values.begin(), values.end());
  for (double percent : {0.1, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<size_t>(std::ceil(percent / 100 * 20000));
    const int64_t exact = values[rank - 1];
    EXPECT_GE(histogram.percentileNanos(percent), exact) << percent;
    EXPECT_LE(static_cast<double>(histogram.percentileNanos(percent)), static_cast<double>(exact) * 1.001) << percent;
  }
  EXPECT_EQ(histogram.maxNanos(), values.back());
  EXPECT_EQ(histogram.percentileNanos(100), values.back());
}

TEST(LatencyHistogramTest, shouldKeepSmallValuesAndTheAverageExact) {
  LatencyHistogram histogram;
  for (int64_t value : {0, 1, 2047, 1000}) histogram.record(nanoseconds(value));
  EXPECT_EQ(histogram.percentileNanos(25), 0);
  EXPECT_EQ(histogram.percentileNanos(50), 1);
  EXPECT_EQ(histogram.percentileNanos(75), 1000);
  EXPECT_EQ(histogram.percentileNanos(76), 2047);
  EXPECT_DOUBLE_EQ(histogram.averageNanos(), 762);
}

TEST(LatencyHistogramTest, shouldAddUpWhatSeveralThreadsCounted) {
  LatencyHistogram one;
  LatencyHistogram other;
  one.record(nanoseconds(10));
  other.record(std::chrono::seconds(5));
  other.record(nanoseconds(20));
  one.add(other);
  EXPECT_EQ(one.count(), 3);
  EXPECT_EQ(one.maxNanos(), 5000000000);
  EXPECT_EQ(one.percentileNanos(50), 20);
}

TEST(LatencyHistogramTest, shouldBeZeroWhenEmptyAndTakeTheLargestValue) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentileNanos(99), 0);
  EXPECT_EQ(histogram.averageNanos(), 0);
  histogram.record(nanoseconds::max());
  histogram.record(nanoseconds(-5));
  EXPECT_EQ(histogram.percentileNanos(100), nanoseconds::max().count());
  EXPECT_EQ(histogram.percentileNanos(50), 0);
}

}  // namespace
}  // namespace hicache::bench
