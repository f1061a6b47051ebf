// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The reader that other tests rely on is as strict as it says.

#include "tests/statistics/json.h"

#include "gtest/gtest.h"

namespace {

using bulkhead_test::Json;
using bulkhead_test::ParseJson;

TEST(JsonTest, Reads) {
  Json json;
  ASSERT_TRUE(ParseJson(R"({"a":[1,20,{}],"b":"x\"y","c":null,"d":[]})", json));
  EXPECT_EQ(json["a"].array[1].number, 20u);
  EXPECT_EQ(json["a"].array[2].kind, Json::Kind::kObject);
  EXPECT_EQ(json["b"].text, R"(x\"y)");
  EXPECT_EQ(json["c"].kind, Json::Kind::kNull);
  EXPECT_EQ(json["e"].kind, Json::Kind::kNothing);
  ASSERT_TRUE(ParseJson("18446744073709551615", json));
  EXPECT_EQ(json.number, UINT64_MAX);
}

TEST(JsonTest, Refuses) {
  Json json;
  for (const char* text : {"",
                           "{",
                           "{}{}",
                           "{} ",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{\"a\"}",
                           "{\"a\":1,}",
                           "{\"a\":1,\"a\":2}",
                           "{a:1}",
                           "01",
                           "1.5",
                           "-1",
                           "nul",
                           "\"a",
                           "\"a\nb\"",
                           "\"\\x\"",
                           "18446744073709551616",
                           "[1}",
                           "NaN"}) {
    EXPECT_FALSE(ParseJson(text, json)) << text;
  }
}

}  // namespace
