// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Debian's libpng in a strict sandbox. Its files are the PngSuite and what
// libpng's own tests read, among them some made to crash decoders.

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "gtest/gtest.h"
#include "tests/libraries/library.h"

namespace {

using ::bulkhead::Sandbox;
using ::bulkhead_test::File;
using ::bulkhead_test::FilesOf;
using ::bulkhead_test::LibraryTest;
using ::bulkhead_test::Made;
using ::bulkhead_test::Making;
using ::bulkhead_test::Outside;
using ::bulkhead_test::Spoilt;
using ::bulkhead_test::Tally;

constexpr size_t kMostBytes =
    1 << 20;  // of a picture, or a chunk: one of the files
// has libpng ask for 1 GiB, and write to it

// What outlives a longjmp() out of libpng.
struct Reader {
  Making making;
  const unsigned char* data;
  size_t left;
  png_bytep pixels;
};

void OnWarning(png_structp png, png_const_charp text) {
  static_cast<Reader*>(png_get_error_ptr(png))->making.AddText(text);
}

[[noreturn]] void OnError(png_structp png, png_const_charp text) {
  OnWarning(png, text);
  png_longjmp(png, 1);
}

void OnRead(png_structp png, png_bytep to, size_t bytes) {
  auto* const reader = static_cast<Reader*>(png_get_io_ptr(png));
  reader->making.AddNumber(static_cast<int64_t>(bytes));
  if (bytes > reader->left) png_error(png, "the file ends");
  memcpy(to, reader->data, bytes);
  reader->data += bytes;
  reader->left -= bytes;
}

png_voidp Allocate(png_structp, png_alloc_size_t bytes) {
  return bytes > kMostBytes ? nullptr : malloc(bytes);
}

void Release(png_structp, png_voidp block) { free(block); }

void AddAbout(png_structp png, png_infop info, Making* making) {
  making->AddNumber(png_get_image_width(png, info));
  making->AddNumber(png_get_image_height(png, info));
  making->AddNumber(png_get_bit_depth(png, info));
  making->AddNumber(png_get_color_type(png, info));
  making->AddNumber(png_get_interlace_type(png, info));
  making->AddNumber(png_get_valid(png, info, ~0u));
}

void AddTexts(png_structp png, png_infop info, Making* making) {
  png_textp texts = nullptr;
  int count = 0;
  png_get_text(png, info, &texts, &count);
  for (int i = 0; i < count; ++i) {
    making->AddText(texts[i].key);
    making->AddText(texts[i].text);
  }
}

void ReadPicture(png_structp png, png_infop info, Reader* reader) {
  png_set_read_fn(png, reader, OnRead);
  png_read_info(png, info);
  AddAbout(png, info, &reader->making);
  png_set_expand(png);
  png_set_gray_to_rgb(png);
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);

  const size_t width = png_get_rowbytes(png, info);
  const size_t height = png_get_image_height(png, info);
  if (width == 0 || height > kMostBytes / width) png_error(png, "too large");
  reader->pixels = static_cast<png_bytep>(calloc(height, width));
  if (reader->pixels == nullptr) png_error(png, "no memory");
  for (int pass = 0; pass < passes; ++pass) {
    for (size_t y = 0; y < height; ++y) {
      png_read_row(png, reader->pixels + y * width, nullptr);
    }
  }
  png_read_end(png, info);
  reader->making.Add(reader->pixels, height * width);
  AddTexts(png, info, &reader->making);
}

void Decode(const unsigned char* data, size_t size, Made* made) {
  Reader reader = {{}, data, size, nullptr};
  png_structp png =
      png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader, OnError,
                               OnWarning, nullptr, Allocate, Release);
  png_infop info = png_create_info_struct(png);
  volatile int status = 1;
  if (setjmp(png_jmpbuf(png)) == 0) {
    ReadPicture(png, info, &reader);
    status = 0;
  }
  png_destroy_read_struct(&png, &info, nullptr);
  free(reader.pixels);
  *made = reader.making.End(status);
}
BULKHEAD_ENTRY(kDecode, "box", Decode);

void OnWrite(png_structp png, png_bytep piece, size_t bytes) {
  static_cast<Making*>(png_get_io_ptr(png))->Add(piece, bytes);
}

// Makes a picture of the file's own bytes, 64 pixels wide, and a file of that.
void Encode(const unsigned char* data, size_t size, Made* made) {
  constexpr size_t kWidth = 64;
  constexpr size_t kRow = 3 * kWidth;
  const size_t rows = size / kRow;
  Reader reader = {{}, nullptr, 0, nullptr};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &reader,
                                            OnError, OnWarning);
  png_infop info = png_create_info_struct(png);
  volatile int status = 1;
  if (setjmp(png_jmpbuf(png)) == 0) {
    png_set_write_fn(png, &reader.making, OnWrite, nullptr);
    png_set_IHDR(png, info, kWidth, static_cast<png_uint_32>(rows), 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < rows; ++y) png_write_row(png, data + y * kRow);
    png_write_end(png, info);
    status = 0;
  }
  png_destroy_write_struct(&png, &info);
  *made = reader.making.End(status);
}
BULKHEAD_ENTRY(kEncode, "box", Encode);

uint32_t WidthOf(png_structp png, png_infop info) {
  return png_get_image_width(png, info);
}
BULKHEAD_ENTRY(kWidthOf, "box", WidthOf);

class PngTest : public LibraryTest {};

TEST_F(PngTest, Decodes) {
  RETURN_WITHOUT_SANDBOXES();
  EXPECT_STREQ(png_get_libpng_ver(nullptr), "1.6.39");
  const Tally tally =
      Compare(Box(), kDecode, Decode, FilesOf("libpng_files", {".png"}));
  EXPECT_EQ(tally.files, 187u);
  EXPECT_GT(tally.liked, 150u);
  EXPECT_GT(tally.refused, 5u);
  EXPECT_GT(tally.bytes, 300u << 10);
}

TEST_F(PngTest, RefusesTheSameBadFiles) {
  RETURN_WITHOUT_SANDBOXES();
  const Tally tally = Compare(Box(), kDecode, Decode,
                              Spoilt(FilesOf("libpng_files", {".png"})));
  EXPECT_EQ(tally.files, 2 * 187u);
  EXPECT_GT(tally.refused, tally.files / 2);
}

TEST_F(PngTest, Encodes) {
  RETURN_WITHOUT_SANDBOXES();
  const Tally tally = Compare(Box(), kEncode, Encode,
                              FilesOf("libxslt_files", {".xml", ".xsl"}));
  EXPECT_EQ(tally.files, 604u);
  EXPECT_GT(tally.liked, 300u);
  EXPECT_GT(tally.bytes, 100u << 10);
}

TEST_F(PngTest, RunsOnTwoThreads) {
  RETURN_WITHOUT_SANDBOXES();
  const std::vector<File> files = FilesOf("libpng_files", {".png"});
  CompareOnTwoThreads(Box(), kDecode, Outside(Decode, files), files);
}

// An object of libpng's that the root made.
TEST_F(PngTest, IsHeldByTheSandbox) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = Box();
  png_structp png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  EXPECT_EQ(WidthOf(png, info), 0u);
  ExpectHeld("libpng16", [&] { (void)box.Call(kWidthOf, png, info); });
  png_destroy_read_struct(&png, &info, nullptr);
}

}  // namespace
