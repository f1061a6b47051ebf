// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/doctor/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace bulkhead {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kVerdictWidth = 6;
constexpr size_t kNameWidth = 28;
constexpr size_t kIndent = kVerdictWidth;

constexpr char kBold[] = "\x1b[1m";
constexpr char kGreen[] = "\x1b[32m";
constexpr char kYellow[] = "\x1b[33m";
constexpr char kRed[] = "\x1b[31m";
constexpr char kPlain[] = "\x1b[0m";

// What the first column shows. Facts and moot questions show nothing that
// looks like an answer.
const char* Mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPlain:
      return "";
    case Verdict::kMoot:
      return "-";
    default:
      return VerdictName(verdict);
  }
}

const char* Colour(Verdict verdict) {
  switch (verdict) {
    case Verdict::kYes:
      return kGreen;
    case Verdict::kPart:
      return kYellow;
    case Verdict::kNo:
      return kRed;
    default:
      return "";
  }
}

std::string Padded(absl::string_view text, size_t width) {
  return absl::StrCat(
      text, std::string(width > text.size() ? width - text.size() : 0, ' '));
}

// `text` in a column that starts at `column`, of which the first line's part
// before it is already written.
void AppendColumn(std::string& out, const std::string& text, size_t column) {
  const std::vector<std::string> lines = Wrap(text, kColumns - column);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += std::string(column, ' ');
    absl::StrAppend(&out, lines[i], "\n");
  }
}

void AppendLabelled(std::string& out, absl::string_view label,
                    const std::string& text) {
  if (text.empty()) return;
  constexpr size_t kLabelWidth = 6;
  out += std::string(kIndent, ' ');
  out += Padded(label, kLabelWidth);
  AppendColumn(out, text, kIndent + kLabelWidth);
}

void AppendFinding(std::string& out, const Finding& finding, bool colour) {
  std::string mark = Padded(Mark(finding.verdict), kVerdictWidth);
  if (colour && *Colour(finding.verdict) != '\0') {
    mark = absl::StrCat(Colour(finding.verdict), mark, kPlain);
  }
  out += mark;
  out += Padded(finding.name, kNameWidth);
  AppendColumn(out, finding.found, kVerdictWidth + kNameWidth);
  AppendLabelled(out, "lost:", finding.lost);
  AppendLabelled(out, "do:", finding.advice);
}

const char* LevelText(Level level) {
  switch (level) {
    case Level::kPku:
      return "Protection keys close each compartment to every thread that is "
             "not inside it.";
    case Level::kMprotect:
      return "Page protection closes each compartment for the whole process "
             "while no thread is inside it. While one is, other threads can "
             "reach it too. For a process of one thread it is exact.";
    case Level::kNone:
      return "Nothing is enforced.";
  }
  return "";
}

// The names of all findings that cost something.
std::string WeakerThanPossible(const std::vector<Finding>& findings) {
  std::vector<absl::string_view> names;
  for (const Finding& finding : findings) {
    if (!finding.lost.empty()) names.push_back(finding.name);
  }
  return absl::StrJoin(names, ", ");
}

void AppendField(std::string& out, absl::string_view name,
                 const std::string& value) {
  absl::StrAppend(&out, JsonString(std::string(name)), ": ", JsonString(value));
}

}  // namespace

std::vector<std::string> Wrap(const std::string& text, size_t width) {
  std::vector<std::string> lines;
  std::string line;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      lines.push_back(line);
      line.clear();
    }
    absl::StrAppend(&line, line.empty() ? "" : " ", word);
  }
  lines.push_back(line);
  return lines;
}

std::string RenderTable(const std::vector<Finding>& findings,
                        const LevelDecision& decision, bool colour) {
  std::string out;
  for (const Finding& finding : findings) AppendFinding(out, finding, colour);
  absl::StrAppend(&out, "\n", colour ? kBold : "",
                  "level in force: ", LevelName(decision.level),
                  colour ? kPlain : "", "\n");
  AppendColumn(out, LevelText(decision.level), 0);
  if (!decision.reason.empty()) {
    AppendColumn(out, absl::StrCat("Because: ", decision.reason, "."), 0);
  }
  const std::string weaker = WeakerThanPossible(findings);
  if (!weaker.empty()) {
    AppendColumn(out, absl::StrCat("Weaker here, as said above: ", weaker, "."),
                 0);
  }
  return out;
}

std::string JsonString(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      absl::StrAppend(&out, absl::StrFormat("\\u%04x", byte));
    } else if (byte < 0x7f) {
      out += c;
    } else {
      out += '?';
    }
  }
  out += '"';
  return out;
}

std::string RenderJson(const MachineFacts& facts,
                       const std::vector<Finding>& findings,
                       const LevelDecision& decision) {
  std::string out = "{";
  AppendField(out, "level", LevelName(decision.level));
  out += ", ";
  AppendField(out, "reason", decision.reason);
  out += ", ";
  AppendField(out, "kernel", facts.kernel.release);
  absl::StrAppend(&out, ", \"keys_free\": ", facts.keys.free,
                  ", \"keys_taken\": ", facts.keys.taken,
                  ", \"reservation_bytes\": ", facts.memory.reservation,
                  ", \"findings\": [");
  for (size_t i = 0; i < findings.size(); ++i) {
    const Finding& finding = findings[i];
    out += i == 0 ? "{" : ", {";
    AppendField(out, "id", finding.id);
    out += ", ";
    AppendField(out, "name", finding.name);
    out += ", ";
    AppendField(out, "verdict", VerdictName(finding.verdict));
    out += ", ";
    AppendField(out, "found", finding.found);
    out += ", ";
    AppendField(out, "lost", finding.lost);
    out += ", ";
    AppendField(out, "do", finding.advice);
    out += "}";
  }
  out += "]}\n";
  return out;
}

}  // namespace bulkhead
