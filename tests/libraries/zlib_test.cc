// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Debian's zlib in a strict sandbox.

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "gtest/gtest.h"
#include "tests/libraries/library.h"

namespace {

using ::bulkhead::Sandbox;
using ::bulkhead::SharedArray;
using ::bulkhead_test::BytesOf;
using ::bulkhead_test::File;
using ::bulkhead_test::FileOf;
using ::bulkhead_test::FilesOf;
using ::bulkhead_test::LibraryTest;
using ::bulkhead_test::Made;
using ::bulkhead_test::Making;
using ::bulkhead_test::Outside;
using ::bulkhead_test::Spoilt;
using ::bulkhead_test::Tally;

constexpr int kGzipToo = 16;  // added to the window's bits: gzip's header

// zlib takes pointers to bytes that it does not write to, without saying so.
Bytef* Unconst(const unsigned char* data) { return const_cast<Bytef*>(data); }

void Decompress(const unsigned char* data, size_t size, Made* made) {
  Making making;
  z_stream stream = {};
  int status = inflateInit2(&stream, MAX_WBITS + kGzipToo);
  stream.next_in = Unconst(data);
  stream.avail_in = static_cast<uInt>(size);
  unsigned char piece[4096];
  while (status == Z_OK) {
    stream.next_out = piece;
    stream.avail_out = sizeof(piece);
    status = inflate(&stream, Z_NO_FLUSH);
    making.Add(piece, sizeof(piece) - stream.avail_out);
  }
  making.AddText(stream.msg);
  making.AddNumber(static_cast<int64_t>(stream.adler));
  making.AddNumber(inflateEnd(&stream));
  *made = making.End(status == Z_STREAM_END ? 0 : status);
}
BULKHEAD_ENTRY(kDecompress, "box", Decompress);

int CompressTo(const unsigned char* data, size_t size, int level,
               void (*take)(void* to, const unsigned char* piece, size_t bytes),
               void* to) {
  z_stream stream = {};
  int status = deflateInit2(&stream, level, Z_DEFLATED, MAX_WBITS + kGzipToo, 8,
                            Z_DEFAULT_STRATEGY);
  stream.next_in = Unconst(data);
  stream.avail_in = static_cast<uInt>(size);
  unsigned char piece[4096];
  while (status == Z_OK) {
    stream.next_out = piece;
    stream.avail_out = sizeof(piece);
    status = deflate(&stream, Z_FINISH);
    take(to, piece, sizeof(piece) - stream.avail_out);
  }
  const int ended = deflateEnd(&stream);
  return status != Z_STREAM_END ? status : ended;
}

void Compress(const unsigned char* data, size_t size, Made* made) {
  Making making;
  int status = Z_OK;
  for (const int level : {1, 9}) {
    if (status != Z_OK) break;
    status = CompressTo(
        data, size, level,
        [](void* to, const unsigned char* piece, size_t bytes) {
          static_cast<Making*>(to)->Add(piece, bytes);
        },
        &making);
  }
  *made = making.End(status);
}
BULKHEAD_ENTRY(kCompress, "box", Compress);

std::vector<File> Compressed(const std::vector<File>& files) {
  std::vector<File> compressed;
  for (const File& file : files) {
    File made = {file.name + ".gz", ""};
    EXPECT_EQ(CompressTo(
                  BytesOf(file), file.contents.size(), 6,
                  [](void* to, const unsigned char* piece, size_t bytes) {
                    static_cast<std::string*>(to)->append(
                        reinterpret_cast<const char*>(piece), bytes);
                  },
                  &made.contents),
              Z_OK);
    compressed.push_back(made);
  }
  return compressed;
}

std::vector<File> Plain() { return FilesOf("libxslt_files", {".xml", ".xsl"}); }

class ZlibTest : public LibraryTest {};

TEST_F(ZlibTest, DecompressesWhatGzipMade) {
  RETURN_WITHOUT_SANDBOXES();
  const Tally tally = Compare(Box(), kDecompress, Decompress,
                              {FileOf("tests/libraries/xml.tar.gz"),
                               FileOf("tests/libraries/png.tar.gz"),
                               FileOf("tests/libraries/jpg.tar.gz")});
  EXPECT_EQ(tally.liked, 3u);
  EXPECT_GT(tally.bytes, 2u << 20);
}

TEST_F(ZlibTest, DecompressesWhatItMadeOutside) {
  RETURN_WITHOUT_SANDBOXES();
  EXPECT_STREQ(zlibVersion(), "1.2.13");
  const Tally tally =
      Compare(Box(), kDecompress, Decompress, Compressed(Plain()));
  EXPECT_EQ(tally.files, 604u);
  EXPECT_EQ(tally.liked, 604u);
  EXPECT_GT(tally.bytes, 1u << 20);
}

TEST_F(ZlibTest, RefusesTheSameBadFiles) {
  RETURN_WITHOUT_SANDBOXES();
  const Tally tally =
      Compare(Box(), kDecompress, Decompress, Spoilt(Compressed(Plain())));
  EXPECT_EQ(tally.files, 2 * 604u);
  EXPECT_GT(tally.refused, tally.files / 2);
}

TEST_F(ZlibTest, Compresses) {
  RETURN_WITHOUT_SANDBOXES();
  const Tally tally = Compare(Box(), kCompress, Compress, Plain());
  EXPECT_EQ(tally.files, 604u);
  EXPECT_EQ(tally.liked, 604u);
}

TEST_F(ZlibTest, RunsOnTwoThreads) {
  RETURN_WITHOUT_SANDBOXES();
  const std::vector<File> files = Compressed(Plain());
  CompareOnTwoThreads(Box(), kDecompress, Outside(Decompress, files), files);
}

TEST_F(ZlibTest, IsHeldByTheSandbox) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = Box();
  const File file = FileOf("tests/libraries/jpg.tar.gz");
  auto made = SharedArray<Made>::Create(1);
  ASSERT_TRUE(made.ok()) << made.status();
  ExpectHeld("libz", [&] {
    (void)box.Call(kDecompress, BytesOf(file), file.contents.size(),
                   made->data());
  });
}

}  // namespace
