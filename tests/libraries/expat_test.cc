// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Debian's expat in a strict sandbox, on the documents of libxslt's tests.

#include <expat.h>
#include <string.h>

#include <algorithm>

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

Making* MakingOf(void* data) { return static_cast<Making*>(data); }

void OnStart(void* data, const XML_Char* name, const XML_Char** attributes) {
  MakingOf(data)->AddText(name);
  for (; *attributes != nullptr; ++attributes) {
    MakingOf(data)->AddText(*attributes);
  }
}

void OnEnd(void* data, const XML_Char* name) { MakingOf(data)->AddText(name); }

void OnCharacters(void* data, const XML_Char* text, int bytes) {
  MakingOf(data)->Add(text, static_cast<size_t>(bytes));
}

void OnInstruction(void* data, const XML_Char* target, const XML_Char* text) {
  MakingOf(data)->AddText(target);
  MakingOf(data)->AddText(text);
}

void OnComment(void* data, const XML_Char* text) {
  MakingOf(data)->AddText(text);
}

void OnEntity(void* data, const XML_Char* name, int, const XML_Char* value,
              int bytes, const XML_Char*, const XML_Char* system,
              const XML_Char* public_name, const XML_Char*) {
  MakingOf(data)->AddText(name);
  if (value != nullptr) OnCharacters(data, value, bytes);
  MakingOf(data)->AddText(system);
  MakingOf(data)->AddText(public_name);
}

// Hands the file over in pieces of `step` bytes.
void ParseInPieces(const unsigned char* data, size_t size, size_t step,
                   Made* made) {
  Making making;
  XML_Parser parser = XML_ParserCreateNS(nullptr, '|');
  XML_SetUserData(parser, &making);
  XML_SetElementHandler(parser, OnStart, OnEnd);
  XML_SetCharacterDataHandler(parser, OnCharacters);
  XML_SetProcessingInstructionHandler(parser, OnInstruction);
  XML_SetCommentHandler(parser, OnComment);
  XML_SetEntityDeclHandler(parser, OnEntity);
  XML_Status status = XML_STATUS_OK;
  for (size_t at = 0; status == XML_STATUS_OK && at <= size; at += step) {
    const size_t bytes = std::min(step, size - at);
    status = XML_Parse(parser, reinterpret_cast<const char*>(data + at),
                       static_cast<int>(bytes), size - at < step);
  }
  const XML_Error error = XML_GetErrorCode(parser);
  making.AddText(XML_ErrorString(error));
  making.AddNumber(static_cast<int64_t>(XML_GetCurrentLineNumber(parser)));
  making.AddNumber(XML_GetCurrentByteIndex(parser));
  XML_ParserFree(parser);
  *made = making.End(error);
}

void Parse(const unsigned char* data, size_t size, Made* made) {
  ParseInPieces(data, size, 4096, made);
}
BULKHEAD_ENTRY(kParse, "box", Parse);

void ParseByBytes(const unsigned char* data, size_t size, Made* made) {
  ParseInPieces(data, std::min<size_t>(size, 2048), 1, made);
}
BULKHEAD_ENTRY(kParseByBytes, "box", ParseByBytes);

XML_Error ErrorOf(XML_Parser parser) { return XML_GetErrorCode(parser); }
BULKHEAD_ENTRY(kErrorOf, "box", ErrorOf);

std::vector<File> Documents() {
  return FilesOf("libxslt_files", {".xml", ".xsl"});
}

class ExpatTest : public LibraryTest {};

TEST_F(ExpatTest, Parses) {
  RETURN_WITHOUT_SANDBOXES();
  EXPECT_STREQ(XML_ExpatVersion(), "expat_2.5.0");
  const Tally tally = Compare(Box(), kParse, Parse, Documents());
  EXPECT_EQ(tally.files, 604u);
  EXPECT_GT(tally.liked, 550u);
  EXPECT_GT(tally.bytes, 1u << 20);
}

TEST_F(ExpatTest, ParsesByteByByte) {
  RETURN_WITHOUT_SANDBOXES();
  const Tally tally = Compare(Box(), kParseByBytes, ParseByBytes, Documents());
  EXPECT_EQ(tally.files, 604u);
  EXPECT_GT(tally.liked, 400u);
}

TEST_F(ExpatTest, RefusesTheSameBadFiles) {
  RETURN_WITHOUT_SANDBOXES();
  const Tally tally = Compare(Box(), kParse, Parse, Spoilt(Documents()));
  EXPECT_EQ(tally.files, 2 * 604u);
  EXPECT_GT(tally.refused, tally.files / 2);
}

TEST_F(ExpatTest, RunsOnTwoThreads) {
  RETURN_WITHOUT_SANDBOXES();
  const std::vector<File> files = Documents();
  CompareOnTwoThreads(Box(), kParse, Outside(Parse, files), files);
}

// An object of expat's that the root made.
TEST_F(ExpatTest, IsHeldByTheSandbox) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = Box();
  XML_Parser parser = XML_ParserCreate(nullptr);
  EXPECT_EQ(ErrorOf(parser), XML_ERROR_NONE);
  ExpectHeld("libexpat", [&] { (void)box.Call(kErrorOf, parser); });
  XML_ParserFree(parser);
}

}  // namespace
