// SPDX-License-Identifier: Apache-2.0
#include "page_content.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace hicache::bench {
namespace {

std::vector<char> pageOf(const PageContent& content, int64_t page) {
  std::vector<char> memory(static_cast<size_t>(content.pageBytes()));
  content.fill(memory.data());
  content.stamp(memory.data(), page);
  return memory;
}

class PageContentTest : public testing::TestWithParam<int64_t> {
 protected:
  const PageContent content_{3, GetParam()};
};

TEST_P(PageContentTest, shouldKnowItsOwnPage) {
  EXPECT_EQ(content_.firstDifference(pageOf(content_, 5).data(), 5), -1);
  EXPECT_EQ(content_.firstDifference(pageOf(PageContent(3, GetParam()), 5).data(), 5), -1) << "the same seed";
}

TEST_P(PageContentTest, shouldNoticeAnyFlippedByte) {
  std::vector<char> page = pageOf(content_, 5);
  for (size_t at : {size_t{0}, page.size() / 2, page.size() - 1}) {
    page[at] = static_cast<char>(page[at] ^ 1);
    EXPECT_EQ(content_.firstDifference(page.data(), 5), static_cast<int64_t>(at));
    page[at] = static_cast<char>(page[at] ^ 1);
  }
}

TEST_P(PageContentTest, shouldNoticeAnotherPageAndAPageThatWasNotFilled) {
  std::vector<char> page = pageOf(content_, 6);
  EXPECT_EQ(content_.firstDifference(page.data(), 5), 0);
  page = pageOf(content_, 5);
  content_.blank(page.data());
  EXPECT_EQ(content_.firstDifference(page.data(), 5), 0);
}

INSTANTIATE_TEST_SUITE_P(Sizes, PageContentTest, testing::Values(16, 4096, 4100, 4112, 10000));

TEST(PageContentEmptyTest, shouldKnowAPageOfNoBytes) {
  const PageContent content(3, 0);
  EXPECT_EQ(content.firstDifference(pageOf(content, 5).data(), 5), -1);
}

TEST(PageContentPlaceTest, shouldNoticePartsOfOnePageInEachOthersPlace) {
  const PageContent content(3, 3 * 4096);
  std::vector<char> page = pageOf(content, 5);
  std::memcpy(page.data() + 4096, page.data() + 2 * 4096, 16);
  EXPECT_GE(content.firstDifference(page.data(), 5), 4096);
}

TEST(PageContentKeyTest, shouldNameEveryPageOnceWithTheSameNameInEveryRun) {
  std::set<std::string> keys;
  for (int64_t page = 0; page < 1000; ++page) {
    keys.insert(keyOf(1, page));
    keys.insert(absentKeyOf(1, page));
    keys.insert(keyOf(2, page));
  }
  EXPECT_EQ(keys.size(), 3000u);
  EXPECT_EQ(keyOf(1, 7), keyOf(1, 7));
  EXPECT_EQ(keyOf(1, 7).size(), 64u);
  EXPECT_EQ(keyOf(1, 7).find_first_not_of("0123456789abcdef"), std::string::npos);
}

}  // namespace
}  // namespace hicache::bench
