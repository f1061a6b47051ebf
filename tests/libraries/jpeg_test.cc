// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Debian's libjpeg-turbo in a strict sandbox. Its files are those of its own
// tests, one of them of a kind that it does not decode, and pictures of cameras
// from goexif's.

#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

// Behind <stdio.h>, which it needs.
// clang-format off
#include <jpeglib.h>
// clang-format on

#include "gtest/gtest.h"
#include "tests/libraries/library.h"

namespace {

using ::bulkhead::Sandbox;
using ::bulkhead::SharedArray;
using ::bulkhead_test::BytesOf;
using ::bulkhead_test::File;
using ::bulkhead_test::FilesOf;
using ::bulkhead_test::LibraryTest;
using ::bulkhead_test::Made;
using ::bulkhead_test::Making;
using ::bulkhead_test::Outside;
using ::bulkhead_test::Spoilt;
using ::bulkhead_test::Tally;

constexpr size_t kMostBytes = 1 << 20;  // of a picture
constexpr unsigned kMarkerBytes = 0xffff;

// What outlives a longjmp() out of the library.
struct Job {
  jpeg_error_mgr errors;
  jmp_buf failed;
  Making making;
  unsigned char* pixels;
  size_t row;
  unsigned char* compressed;
  unsigned long compressed_bytes;
};

Job* JobOf(j_common_ptr info) { return static_cast<Job*>(info->client_data); }

void OnMessage(j_common_ptr info) {
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  JobOf(info)->making.AddText(text);
}

[[noreturn]] void OnError(j_common_ptr info) {
  OnMessage(info);
  longjmp(JobOf(info)->failed, 1);
}

jpeg_error_mgr* Errors(Job* job) {
  jpeg_std_error(&job->errors);
  job->errors.error_exit = OnError;
  job->errors.output_message = OnMessage;
  job->errors.trace_level = 2;
  return &job->errors;
}

void AddMarkers(const jpeg_decompress_struct& info, Making* making) {
  for (auto* marker = info.marker_list; marker != nullptr;
       marker = marker->next) {
    making->AddNumber(marker->marker);
    making->Add(marker->data, marker->data_length);
  }
}

void ReadPicture(jpeg_decompress_struct* info, Job* job,
                 const unsigned char* data, size_t size) {
  jpeg_mem_src(info, data, size);
  jpeg_save_markers(info, JPEG_APP0 + 1, kMarkerBytes);
  jpeg_save_markers(info, JPEG_COM, kMarkerBytes);
  jpeg_read_header(info, TRUE);
  AddMarkers(*info, &job->making);
  jpeg_start_decompress(info);
  job->row = static_cast<size_t>(info->output_width) *
             static_cast<size_t>(info->output_components);
  if (info->output_height > kMostBytes / job->row) longjmp(job->failed, 1);
  job->pixels =
      static_cast<unsigned char*>(calloc(info->output_height, job->row));
  if (job->pixels == nullptr) longjmp(job->failed, 1);
  while (info->output_scanline < info->output_height) {
    JSAMPROW row = job->pixels + info->output_scanline * job->row;
    jpeg_read_scanlines(info, &row, 1);
  }
  jpeg_finish_decompress(info);
  job->making.Add(job->pixels, info->output_height * job->row);
}

// The picture again, smaller, with other means than the file's.
void WritePicture(const jpeg_decompress_struct& from,
                  jpeg_compress_struct* info, Job* job) {
  jpeg_mem_dest(info, &job->compressed, &job->compressed_bytes);
  info->image_width = from.output_width;
  info->image_height = from.output_height;
  info->input_components = from.output_components;
  info->in_color_space = from.out_color_space;
  jpeg_set_defaults(info);
  jpeg_set_quality(info, 60, TRUE);
  jpeg_simple_progression(info);
  jpeg_start_compress(info, TRUE);
  while (info->next_scanline < info->image_height) {
    JSAMPROW row = job->pixels + info->next_scanline * job->row;
    jpeg_write_scanlines(info, &row, 1);
  }
  jpeg_finish_compress(info);
  job->making.Add(job->compressed, job->compressed_bytes);
}

// Decodes the file, and encodes the picture anew.
void Transcode(const unsigned char* data, size_t size, Made* made) {
  Job job = {};
  jpeg_decompress_struct reading = {};
  jpeg_compress_struct writing = {};
  reading.client_data = &job;
  writing.client_data = &job;
  reading.err = Errors(&job);
  writing.err = &job.errors;
  volatile int status = 1;
  if (setjmp(job.failed) == 0) {
    jpeg_create_decompress(&reading);
    jpeg_create_compress(&writing);
    ReadPicture(&reading, &job, data, size);
    WritePicture(reading, &writing, &job);
    status = 0;
  }
  jpeg_destroy_decompress(&reading);
  jpeg_destroy_compress(&writing);
  free(job.compressed);
  free(job.pixels);
  job.making.AddNumber(job.errors.num_warnings);
  *made = job.making.End(status);
}
BULKHEAD_ENTRY(kTranscode, "box", Transcode);

// libjpeg-turbo's files; those of goexif, of which many end behind the header;
// and the thumbnails that the cameras have put into that.
std::vector<File> Pictures() {
  std::vector<File> files = FilesOf("libjpeg_turbo_files", {".jpg"});
  for (const File& file : FilesOf("goexif_files", {".jpg"})) {
    files.push_back(file);
    const size_t inner = file.contents.find("\xff\xd8\xff", 1);
    if (inner == std::string::npos) continue;
    files.push_back({file.name + ", thumbnail", file.contents.substr(inner)});
  }
  return files;
}

class JpegTest : public LibraryTest {};

TEST_F(JpegTest, DecodesAndEncodes) {
  RETURN_WITHOUT_SANDBOXES();
  const Tally tally = Compare(Box(), kTranscode, Transcode, Pictures());
  EXPECT_EQ(tally.files, 114u);
  EXPECT_EQ(tally.liked, 60u);
  EXPECT_GT(tally.bytes, 500u << 10);
}

TEST_F(JpegTest, RefusesTheSameBadFiles) {
  RETURN_WITHOUT_SANDBOXES();
  const Tally tally = Compare(Box(), kTranscode, Transcode, Spoilt(Pictures()));
  EXPECT_EQ(tally.files, 2 * 114u);
  EXPECT_GT(tally.refused, 20u);
}

TEST_F(JpegTest, RunsOnTwoThreads) {
  RETURN_WITHOUT_SANDBOXES();
  const std::vector<File> files = Pictures();
  CompareOnTwoThreads(Box(), kTranscode, Outside(Transcode, files), files);
}

TEST_F(JpegTest, IsHeldByTheSandbox) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = Box();
  const File file = Pictures()[0];
  auto made = SharedArray<Made>::Create(1);
  ASSERT_TRUE(made.ok()) << made.status();
  ExpectHeld("libjpeg", [&] {
    (void)box.Call(kTranscode, BytesOf(file), file.contents.size(),
                   made->data());
  });
}

}  // namespace
