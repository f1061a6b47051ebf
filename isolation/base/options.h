// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// BULKHEAD_OPTIONS: words name=value, separated by ':' or white space, read
// once at start. Parsing is strict: anything unknown ends the process with one
// message. Processes that gained privileges (AT_SECURE) ignore the variable.

#ifndef BULKHEAD_ISOLATION_BASE_OPTIONS_H_
#define BULKHEAD_ISOLATION_BASE_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "isolation/base/raw_log.h"

namespace bulkhead {

struct Options {
#define BH_OPTION_FLAG(name, value, help) uint64_t name = value;
#define BH_OPTION_NUMBER(name, value, least, most, help) uint64_t name = value;
#define BH_OPTION_CHOICE(name, value, choices, help) uint64_t name = value;
#define BH_OPTION_PATH(name, help) char name[256] = {};
#include "isolation/base/options.inc"
#undef BH_OPTION_FLAG
#undef BH_OPTION_NUMBER
#undef BH_OPTION_CHOICE
#undef BH_OPTION_PATH
};

// The places of the words in the choices of options.inc.
enum class Backend : uint64_t { kAuto = 0, kMprotect = 1, kPku = 2 };
enum class RefusedMappings : uint64_t { kRefuse = 0, kReport = 1 };
enum class ReportForm : uint64_t { kText = 0, kJson = 1 };
enum class SignalDelivery : uint64_t { kPrompt = 0, kStrict = 1 };
enum class Requirement : uint64_t { kNone = 0, kMprotect = 1, kPku = 2 };

// Parses `text` over what `options` holds. Returns false, with a message
// without newline in `error`, at the first word that is not an option; words
// before it have then taken effect. Runs in: any domain; signal-safe.
[[nodiscard]] bool ParseOptions(const char* text, Options& options,
                                RawLine& error);

// Writes the table of options with their defaults, a line each.
void WriteOptionsHelp(int descriptor);

// This process's options, parsed by the first call. Ends the process with exit
// status 2 on bad text, and with 0 after help=1.
// REQUIRES: the first call happens before a second thread exists.
const Options& GetOptions();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_BASE_OPTIONS_H_
