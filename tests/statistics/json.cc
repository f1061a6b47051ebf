// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/statistics/json.h"

#include <cstring>
#include <utility>

namespace bulkhead_test {
namespace {

class Reader {
 public:
  explicit Reader(const char* text) : at_(text) {}

  bool Whole(Json& value) { return Value(value) && *at_ == '\0'; }

 private:
  bool Take(char c) {
    if (*at_ != c) return false;
    ++at_;
    return true;
  }

  bool Value(Json& value) {
    switch (*at_) {
      case '{':
        return Object(value);
      case '[':
        return Array(value);
      case '"':
        value.kind = Json::Kind::kText;
        return Text(value.text);
      case 'n':
        value.kind = Json::Kind::kNull;
        if (strncmp(at_, "null", 4) != 0) return false;
        at_ += 4;
        return true;
      default:
        return Number(value);
    }
  }

  bool Object(Json& value) {
    value.kind = Json::Kind::kObject;
    Take('{');
    if (Take('}')) return true;
    do {
      std::string name;
      Json member;
      if (!Text(name) || !Take(':') || !Value(member)) return false;
      if (!value.object.emplace(name, std::move(member)).second) return false;
    } while (Take(','));
    return Take('}');
  }

  bool Array(Json& value) {
    value.kind = Json::Kind::kArray;
    Take('[');
    if (Take(']')) return true;
    do {
      value.array.emplace_back();
      if (!Value(value.array.back())) return false;
    } while (Take(','));
    return Take(']');
  }

  // Escapes stay as they are.
  bool Text(std::string& text) {
    if (!Take('"')) return false;
    while (*at_ != '"') {
      if (static_cast<unsigned char>(*at_) < 0x20) return false;
      if (*at_ == '\\') {
        if (strchr("\"\\/bfnrtu", at_[1]) == nullptr || at_[1] == '\0') {
          return false;
        }
        text += *at_++;
      }
      text += *at_++;
    }
    return Take('"');
  }

  bool Number(Json& value) {
    value.kind = Json::Kind::kNumber;
    const char* begin = at_;
    while (*at_ >= '0' && *at_ <= '9') {
      const auto digit = static_cast<uint64_t>(*at_ - '0');
      if (__builtin_mul_overflow(value.number, 10u, &value.number) ||
          __builtin_add_overflow(value.number, digit, &value.number)) {
        return false;
      }
      ++at_;
    }
    return at_ - begin == 1 || (at_ > begin && *begin != '0');
  }

  const char* at_;
};

}  // namespace

const Json& Json::operator[](const std::string& name) const {
  static const Json nothing;
  const auto found = object.find(name);
  return found != object.end() ? found->second : nothing;
}

bool ParseJson(const char* text, Json& value) {
  value = Json();
  return Reader(text).Whole(value);
}

}  // namespace bulkhead_test
