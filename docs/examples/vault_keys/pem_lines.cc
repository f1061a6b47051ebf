// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/pem_lines.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "docs/examples/vault_keys/der_reader.h"

namespace bulkhead::vault_keys {
namespace {

constexpr uint64_t kFirstFactor = 0x9e3779b97f4a7c15;
constexpr uint64_t kSecondFactor = 0xc2b2ae3d27d4eb4f;
constexpr size_t kLargestFile = 64 * 1024;

std::vector<uint8_t> Decode(const std::vector<std::string_view>& lines) {
  std::vector<uint8_t> bytes;
  uint32_t bits = 0;
  int pending = 0;
  for (std::string_view line : lines) {
    for (char character : line) {
      if (!IsBase64(static_cast<uint8_t>(character))) return bytes;
      bits = bits << 6 | static_cast<uint32_t>(
                             kBase64.value[static_cast<uint8_t>(character)]);
      pending += 6;
      if (pending < 8) continue;
      pending -= 8;
      bytes.push_back(static_cast<uint8_t>(bits >> pending));
    }
  }
  return bytes;
}

// The lines between the first BEGIN and END of a private key.
std::vector<std::string_view> BodyOf(std::string_view pem) {
  std::vector<std::string_view> body;
  bool inside = false;
  while (!pem.empty()) {
    const size_t end = std::min(pem.find('\n'), pem.size());
    std::string_view line = pem.substr(0, end);
    pem.remove_prefix(std::min(end + 1, pem.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line == "-----BEGIN PRIVATE KEY-----" ||
        line == "-----BEGIN RSA PRIVATE KEY-----") {
      inside = true;
    } else if (inside && line.substr(0, 9) == "-----END ") {
      break;
    } else if (inside) {
      body.push_back(line);
    }
  }
  return body;
}

// What the child sends to its parent.
struct Answer {
  char error[64] = {};
  PemLines lines;
};

void Refuse(Answer* answer, const char* error) {
  strncpy(answer->error, error, sizeof(answer->error) - 1);
}

void AnswerFor(const char* path, Answer* answer) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return Refuse(answer, strerror(errno));
  std::string text(kLargestFile, '\0');
  size_t size = 0;
  ssize_t got;
  while (size < text.size() &&
         (got = read(file, text.data() + size, text.size() - size)) > 0) {
    size += static_cast<size_t>(got);
  }
  const char* error =
      FingerprintPrivateLines(text.data(), size, &answer->lines);
  if (error != nullptr) Refuse(answer, error);
}

}  // namespace

LineFingerprint FingerprintOf(const char* line) {
  LineFingerprint hash;
  for (size_t i = 0; i < kPemLineChars; ++i) {
    const uint64_t character = static_cast<uint8_t>(line[i]);
    hash.first = hash.first * kFirstFactor + character;
    hash.second = hash.second * kSecondFactor + character;
  }
  return hash;
}

bool Contains(const PemLines& lines, const char* line) {
  const LineFingerprint wanted = FingerprintOf(line);
  for (size_t i = 0; i < lines.count; ++i) {
    if (lines.lines[i].first == wanted.first &&
        lines.lines[i].second == wanted.second) {
      return true;
    }
  }
  return false;
}

const char* FingerprintPrivateLines(const char* pem, size_t size,
                                    PemLines* lines) {
  const std::vector<std::string_view> body =
      BodyOf(std::string_view(pem, size));
  if (body.empty()) return "no PEM text of an unencrypted private key";
  const std::vector<uint8_t> der = Decode(body);
  const size_t secret = FindPrivateExponent(der.data(), der.size());
  if (secret == 0) return "no RSA private key in the PEM text";
  // Six bits each: the first character that holds a bit of the byte.
  const size_t first_secret_character = secret * 8 / 6;
  size_t characters = 0;
  lines->count = 0;
  for (std::string_view line : body) {
    characters += line.size();
    if (characters <= first_secret_character || line.size() < kPemLineChars) {
      continue;
    }
    if (lines->count == PemLines::kMost) return "too many lines of PEM text";
    lines->lines[lines->count++] = FingerprintOf(line.data());
  }
  return lines->count == 0 ? "no line of 64 characters in the PEM text"
                           : nullptr;
}

const char* FingerprintInChild(const char* path, PemLines* lines) {
  static Answer answer;
  answer = Answer();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "no pipe to a child process";
  const pid_t child = fork();
  if (child == 0) {
    AnswerFor(path, &answer);
    const bool sent = write(ends[1], &answer, sizeof(answer)) == sizeof(answer);
    _exit(sent ? 0 : 1);
  }
  close(ends[1]);
  size_t size = 0;
  ssize_t got = 1;
  while (child > 0 && size < sizeof(answer) && got > 0) {
    got = read(ends[0], reinterpret_cast<char*>(&answer) + size,
               sizeof(answer) - size);
    if (got > 0) size += static_cast<size_t>(got);
  }
  close(ends[0]);
  if (child > 0) waitpid(child, nullptr, 0);
  if (size != sizeof(answer)) return "the child process did not answer";
  if (answer.error[0] != '\0') return answer.error;
  *lines = answer.lines;
  return nullptr;
}

}  // namespace bulkhead::vault_keys
