// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/base/json_text.h"

#include <functional>
#include <string>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

std::string Written(const std::function<void(JsonText&)>& write) {
  char buffer[256];
  JsonText json(buffer, sizeof(buffer));
  write(json);
  json.Finish();
  EXPECT_EQ(json.length(), std::string(buffer).size());
  return buffer;
}

std::string WrittenText(const char* text) {
  return Written([text](JsonText& json) { json.Text(text); });
}

TEST(JsonTextTest, CommasComeByThemselves) {
  EXPECT_EQ(Written([](JsonText& json) {
              json.BeginObject();
              json.Key("a");
              json.Number(1);
              json.Key("b");
              json.BeginArray();
              json.BeginObject();
              json.EndObject();
              json.BeginArray();
              json.EndArray();
              json.Null();
              json.EndArray();
              json.Key("c");
              json.Text("d");
              json.EndObject();
            }),
            R"({"a":1,"b":[{},[],null],"c":"d"})");
}

TEST(JsonTextTest, NumbersOfAllSizes) {
  EXPECT_EQ(Written([](JsonText& json) { json.Number(0); }), "0");
  EXPECT_EQ(Written([](JsonText& json) { json.Number(UINT64_MAX - 5); }),
            "18446744073709551610");
}

TEST(JsonTextTest, EscapesWhatMustBe) {
  EXPECT_EQ(WrittenText("a\"b\\c\n\x7f\x1f"), R"("a\"b\\c\u000a\u007f\u001f")");
  EXPECT_EQ(WrittenText(""), "\"\"");
}

TEST(JsonTextTest, KeepsUtf8) {
  for (const char* text :
       {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xe0\xa0\x80"}) {
    EXPECT_EQ(WrittenText(text), "\"" + std::string(text) + "\"");
  }
}

TEST(JsonTextTest, ReplacesOtherBytes) {
  EXPECT_EQ(WrittenText("a\xff!"), R"("a\ufffd!")");
  // A lone continuation, a cut sequence at the end, one followed by a letter.
  EXPECT_EQ(WrittenText("\x80"), R"("\ufffd")");
  EXPECT_EQ(WrittenText("\xe2\x82"), R"("\ufffd\ufffd")");
  EXPECT_EQ(WrittenText("\xc3z"), R"("\ufffdz")");
  // Written in too many bytes, a surrogate, beyond the last character.
  EXPECT_EQ(WrittenText("\xc0\xaf"), R"("\ufffd\ufffd")");
  EXPECT_EQ(WrittenText("\xe0\x9f\xbf"), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(WrittenText("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(WrittenText("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
}

TEST(JsonTextTest, WhatDoesNotFitIsCountedAndLeftOut) {
  char buffer[] = "untouched";
  for (size_t size = 0; size <= 5; ++size) {
    buffer[size] = '!';
    JsonText json(buffer, size);
    json.Text("abc");
    json.Finish();
    EXPECT_EQ(json.length(), 5u);
    if (size != 0) {
      EXPECT_STREQ(buffer, "");
    }
    EXPECT_EQ(buffer[size], '!');
  }
  JsonText json(buffer, 6);
  json.Text("abc");
  json.Finish();
  EXPECT_STREQ(buffer, "\"abc\"");
}

}  // namespace
}  // namespace bulkhead
