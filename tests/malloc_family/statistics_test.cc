// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// malloc_trim(), mallopt(), mallinfo(), mallinfo2(), malloc_info() and
// malloc_stats(): what they report is the allocator's own affair, but they must
// answer in glibc's form.

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

// Blocks of a stated total, touched, small and large ones mixed.
class LiveBlocks {
 public:
  explicit LiveBlocks(size_t total) {
    for (size_t size = 0; size < total / 2; size += 1000) Add(1000);
    for (size_t size = 0; size < total / 2; size += kMiB) Add(kMiB);
  }
  ~LiveBlocks() {
    for (void* const p : blocks_) free(p);
  }
  LiveBlocks(const LiveBlocks&) = delete;
  LiveBlocks& operator=(const LiveBlocks&) = delete;

 private:
  void Add(size_t size) {
    blocks_.push_back(malloc(size));
    Fill(blocks_.back(), size, 1);
  }
  std::vector<void*> blocks_;
};

std::string MallocInfo(int options, int* result) {
  char* text = nullptr;
  size_t size = 0;
  // The stream itself allocates while it is written to.
  FILE* const stream = open_memstream(&text, &size);
  if (stream == nullptr) return "";
  *result = malloc_info(options, stream);
  fclose(stream);
  std::string copy(text, size);
  free(text);
  return copy;
}

// Reads one XML tag after another and checks that they nest. Enough for a
// document without comments, character data sections and processing
// instructions.
bool IsWellFormed(const std::string& xml) {
  std::vector<std::string> open;
  size_t elements = 0;
  size_t at = 0;
  while ((at = xml.find('<', at)) != std::string::npos) {
    const size_t end = xml.find('>', at);
    if (end == std::string::npos) return false;
    const std::string tag = xml.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.empty()) return false;
    const size_t name_end = tag.find_first_of(" /", 1);
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else {
      ++elements;
      if (tag.back() != '/') open.push_back(tag.substr(0, name_end));
    }
  }
  return open.empty() && elements > 0;
}

TEST(MallocTrim, AnswersZeroOrOneAndTheHeapStaysWhole) {
  void* const kept = malloc(5000);
  ASSERT_NE(kept, nullptr);
  Fill(kept, 5000, 1);
  { LiveBlocks released(16 * kMiB); }
  for (const size_t pad : {size_t{0}, size_t{1}, kMiB, SIZE_MAX}) {
    const int result = malloc_trim(pad);
    EXPECT_TRUE(result == 0 || result == 1) << result;
  }
  EXPECT_TRUE(IsFilled(kept, 5000, 1));
  free(kept);
}

TEST(MallocTrim, GivesFreedMemoryBackToTheKernel) {
  malloc_trim(0);
  const size_t before = ResidentBytes();
  { LiveBlocks released(64 * kMiB); }
  malloc_trim(0);
  EXPECT_LT(ResidentBytes(), before + 24 * kMiB);
}

TEST(Mallopt, TakesGlibcsParameters) {
  const int parameters[] = {M_MXFAST,         M_TRIM_THRESHOLD, M_TOP_PAD,
                            M_MMAP_THRESHOLD, M_MMAP_MAX,       M_CHECK_ACTION,
                            M_PERTURB,        M_ARENA_TEST,     M_ARENA_MAX};
  const int usual[] = {64, 128 * 1024, 0, 128 * 1024, 65536, 3, 0, 8, 0};
  for (size_t i = 0; i < std::size(parameters); ++i) {
    const int result = mallopt(parameters[i], usual[i]);
    EXPECT_TRUE(result == 0 || result == 1) << parameters[i];
  }
  void* const p = malloc(1000);
  ASSERT_NE(p, nullptr);
  free(p);
}

TEST(Mallinfo2, CountsWhatIsLive) {
  const size_t live = 64 * kMiB;
  const struct mallinfo2 before = mallinfo2();
  {
    LiveBlocks blocks(live);
    const struct mallinfo2 during = mallinfo2();
    EXPECT_GE(during.arena + during.hblkhd, live);
    EXPECT_GE(during.uordblks + during.hblkhd,
              before.uordblks + before.hblkhd + live);
  }
  const struct mallinfo2 after = mallinfo2();
  EXPECT_LT(after.uordblks + after.hblkhd,
            before.uordblks + before.hblkhd + live / 2);
}

TEST(Mallinfo2, ItsSumsAgree) {
  LiveBlocks blocks(4 * kMiB);
  const struct mallinfo2 info = mallinfo2();
  EXPECT_EQ(info.uordblks + info.fordblks, info.arena);
}

TEST(Mallinfo, IsMallinfo2CutToInt) {
  LiveBlocks blocks(4 * kMiB);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const struct mallinfo narrow = mallinfo();
#pragma GCC diagnostic pop
  const struct mallinfo2 wide = mallinfo2();
  EXPECT_EQ(narrow.arena, static_cast<int>(wide.arena));
  EXPECT_EQ(narrow.uordblks, static_cast<int>(wide.uordblks));
  EXPECT_EQ(narrow.fordblks, static_cast<int>(wide.fordblks));
  EXPECT_EQ(narrow.hblkhd, static_cast<int>(wide.hblkhd));
}

TEST(MallocInfo, WritesOneXmlDocument) {
  LiveBlocks blocks(kMiB);
  int result = -1;
  const std::string xml = MallocInfo(0, &result);
  EXPECT_EQ(result, 0);
  EXPECT_EQ(xml.rfind("<malloc version=\"", 0), 0u) << xml;
  const std::string end = "</malloc>\n";
  ASSERT_GE(xml.size(), end.size());
  EXPECT_EQ(xml.substr(xml.size() - end.size()), end) << xml;
  EXPECT_TRUE(IsWellFormed(xml)) << xml;
}

TEST(MallocInfo, RefusesOptions) {
  int result = 0;
  const std::string xml = MallocInfo(1, &result);
  EXPECT_EQ(result, EINVAL);
  EXPECT_EQ(xml, "");
}

TEST(MallocStats, WritesToStandardErrorOnly) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  malloc_stats();
  const std::string standard_error = testing::internal::GetCapturedStderr();
  const std::string standard_output = testing::internal::GetCapturedStdout();
  EXPECT_NE(standard_error, "");
  EXPECT_EQ(standard_error.back(), '\n');
  EXPECT_EQ(standard_output, "");
}

TEST(MallocStats, WorksWithStandardErrorClosed) {
  const int status = RunInChild([] {
    close(STDERR_FILENO);
    malloc_stats();
    free(malloc(100));
    return 0;
  });
  EXPECT_EQ(status, kExitedWell);
}

}  // namespace
}  // namespace bulkhead
