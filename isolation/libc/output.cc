// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What is printed in a sandbox goes to the file descriptor of stdout or stderr
// at once and whole: the streams' buffers are the root's. Other streams are
// libc's affair.

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cstddef>

#include "isolation/libc/forward.h"
#include "isolation/libc/inside.h"
#include "isolation/libc/text.h"

// Of a build with _FORTIFY_SOURCE.
extern "C" {
int __vasprintf_chk(char** text, int flag, const char* format,
                    va_list arguments);
int __printf_chk(int flag, const char* format, ...);
int __vprintf_chk(int flag, const char* format, va_list arguments);
int __fprintf_chk(FILE* stream, int flag, const char* format, ...);
int __vfprintf_chk(FILE* stream, int flag, const char* format,
                   va_list arguments);
}

namespace bulkhead {
namespace {

constexpr int kNotServed = -1;

// Where a sandbox's output to the stream goes; kNotServed: libc writes it.
int DescriptorOf(FILE* stream) {
  if (!RunsInSandbox() || (stream != stdout && stream != stderr)) {
    return kNotServed;
  }
  return fileno(stream);
}

// How much of it was written.
size_t Write(int descriptor, const void* data, size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  size_t done = 0;
  while (done < size) {
    const ssize_t some = write(descriptor, bytes + done, size - done);
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) break;
    done += static_cast<size_t>(some);
  }
  return done;
}

// `size` bytes of a new block, as printf() returns them. Releases the block.
int WriteText(int descriptor, char* text, int size) {
  if (size < 0) return -1;
  const size_t done = Write(descriptor, text, static_cast<size_t>(size));
  free(text);
  return done == static_cast<size_t>(size) ? size : -1;
}

int Print(FILE* stream, const char* format, va_list arguments) {
  const int descriptor = DescriptorOf(stream);
  if (descriptor == kNotServed) {
    return BULKHEAD_LIBCS(vfprintf)(stream, format, arguments);
  }
  char* text = nullptr;
  const int size = vasprintf(&text, format, arguments);
  return WriteText(descriptor, text, size);
}

int PrintChecked(FILE* stream, int flag, const char* format,
                 va_list arguments) {
  const int descriptor = DescriptorOf(stream);
  if (descriptor == kNotServed) {
    return BULKHEAD_LIBCS(__vfprintf_chk)(stream, flag, format, arguments);
  }
  char* text = nullptr;
  const int size = __vasprintf_chk(&text, flag, format, arguments);
  return WriteText(descriptor, text, size);
}

int PutCharacter(int descriptor, int character) {
  const auto byte = static_cast<unsigned char>(character);
  return Write(descriptor, &byte, 1) == 1 ? byte : EOF;
}

int PutLine(int descriptor, const char* line) {
  char* text = nullptr;
  const int size = asprintf(&text, "%s\n", line);
  return WriteText(descriptor, text, size) >= 0 ? 1 : EOF;
}

int PutText(int descriptor, const char* text) {
  const size_t size = strlen(text);
  return Write(descriptor, text, size) == size ? 1 : EOF;
}

size_t PutItems(int descriptor, const void* items, size_t size, size_t count) {
  size_t bytes;
  if (size == 0 || __builtin_mul_overflow(size, count, &bytes)) return 0;
  return Write(descriptor, items, bytes) / size;
}

void PutError(const char* what) {
  const int error = errno;
  char unknown[sizeof(kept_inside.error_text)];
  const char* text = ErrorText(error, unknown, sizeof(unknown));
  const bool has_prefix = what != nullptr && what[0] != '\0';
  fprintf(stderr, "%s%s%s\n", has_prefix ? what : "", has_prefix ? ": " : "",
          text);
}

// Whether there is nothing to flush: all has been written.
bool IsFlushed(FILE* stream) {
  return RunsInSandbox() &&
         (stream == nullptr || stream == stdout || stream == stderr);
}

}  // namespace
}  // namespace bulkhead

using ::bulkhead::DescriptorOf;
using ::bulkhead::kNotServed;

BULKHEAD_SERVES int vfprintf(FILE* stream, const char* format,
                             va_list arguments) {
  return bulkhead::Print(stream, format, arguments);
}

BULKHEAD_SERVES int vprintf(const char* format, va_list arguments) {
  return bulkhead::Print(stdout, format, arguments);
}

BULKHEAD_SERVES int fprintf(FILE* stream, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int result = bulkhead::Print(stream, format, arguments);
  va_end(arguments);
  return result;
}

BULKHEAD_SERVES int printf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int result = bulkhead::Print(stdout, format, arguments);
  va_end(arguments);
  return result;
}

BULKHEAD_SERVES int __vfprintf_chk(FILE* stream, int flag, const char* format,
                                   va_list arguments) {
  return bulkhead::PrintChecked(stream, flag, format, arguments);
}

BULKHEAD_SERVES int __vprintf_chk(int flag, const char* format,
                                  va_list arguments) {
  return bulkhead::PrintChecked(stdout, flag, format, arguments);
}

BULKHEAD_SERVES int __fprintf_chk(FILE* stream, int flag, const char* format,
                                  ...) {
  va_list arguments;
  va_start(arguments, format);
  const int result = bulkhead::PrintChecked(stream, flag, format, arguments);
  va_end(arguments);
  return result;
}

BULKHEAD_SERVES int __printf_chk(int flag, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int result = bulkhead::PrintChecked(stdout, flag, format, arguments);
  va_end(arguments);
  return result;
}

BULKHEAD_SERVES int puts(const char* line) {
  const int descriptor = DescriptorOf(stdout);
  return descriptor == kNotServed ? BULKHEAD_LIBCS(puts)(line)
                                  : bulkhead::PutLine(descriptor, line);
}

BULKHEAD_SERVES void perror(const char* what) {
  if (DescriptorOf(stderr) == kNotServed) return BULKHEAD_LIBCS(perror)(what);
  bulkhead::PutError(what);
}

// The forms with and without the stream's lock differ in their names alone.
#define BULKHEAD_PUTS_CHARACTER(name)                           \
  BULKHEAD_SERVES int name(int character, FILE* stream) {       \
    const int descriptor = DescriptorOf(stream);                \
    return descriptor == kNotServed                             \
               ? BULKHEAD_LIBCS(name)(character, stream)        \
               : bulkhead::PutCharacter(descriptor, character); \
  }
BULKHEAD_PUTS_CHARACTER(putc)
BULKHEAD_PUTS_CHARACTER(fputc)
BULKHEAD_PUTS_CHARACTER(putc_unlocked)
BULKHEAD_PUTS_CHARACTER(fputc_unlocked)

#define BULKHEAD_PUTS_TO_STDOUT(name)                           \
  BULKHEAD_SERVES int name(int character) {                     \
    const int descriptor = DescriptorOf(stdout);                \
    return descriptor == kNotServed                             \
               ? BULKHEAD_LIBCS(name)(character)                \
               : bulkhead::PutCharacter(descriptor, character); \
  }
BULKHEAD_PUTS_TO_STDOUT(putchar)
BULKHEAD_PUTS_TO_STDOUT(putchar_unlocked)

#define BULKHEAD_PUTS_TEXT(name)                                           \
  BULKHEAD_SERVES int name(const char* text, FILE* stream) {               \
    const int descriptor = DescriptorOf(stream);                           \
    return descriptor == kNotServed ? BULKHEAD_LIBCS(name)(text, stream)   \
                                    : bulkhead::PutText(descriptor, text); \
  }
BULKHEAD_PUTS_TEXT(fputs)
BULKHEAD_PUTS_TEXT(fputs_unlocked)

#define BULKHEAD_PUTS_ITEMS(name)                                           \
  BULKHEAD_SERVES size_t name(const void* items, size_t size, size_t count, \
                              FILE* stream) {                               \
    const int descriptor = DescriptorOf(stream);                            \
    return descriptor == kNotServed                                         \
               ? BULKHEAD_LIBCS(name)(items, size, count, stream)           \
               : bulkhead::PutItems(descriptor, items, size, count);        \
  }
BULKHEAD_PUTS_ITEMS(fwrite)
BULKHEAD_PUTS_ITEMS(fwrite_unlocked)

#define BULKHEAD_FLUSHES(name)                                             \
  BULKHEAD_SERVES int name(FILE* stream) {                                 \
    return bulkhead::IsFlushed(stream) ? 0 : BULKHEAD_LIBCS(name)(stream); \
  }
BULKHEAD_FLUSHES(fflush)
BULKHEAD_FLUSHES(fflush_unlocked)
