# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Compiler flags of Bulkhead's own code; one list for gcc and clang."""

_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wcast-qual",
    "-Wformat=2",
    "-Wmissing-declarations",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
    "-Wpointer-arith",
    "-Wshadow",
    "-Wundef",
    "-Wvla",
]

_C_WARNINGS = [
    flag
    for flag in _WARNINGS
    if flag not in ["-Wnon-virtual-dtor", "-Woverloaded-virtual"]
]

BULKHEAD_COPTS = _WARNINGS + ["-std=c++17", "-fvisibility=hidden"]

BULKHEAD_C_COPTS = _C_WARNINGS + ["-std=gnu11", "-fvisibility=hidden"]

# What runs beneath malloc: no exceptions, no RTTI, no guards of statics, and
# frame pointers, so that a report can walk the stack without allocating.
BULKHEAD_CORE_COPTS = BULKHEAD_COPTS + [
    "-std=c++20",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-fno-omit-frame-pointer",
    "-fno-builtin-malloc",
    "-fno-builtin-calloc",
    "-fno-builtin-realloc",
    "-fno-builtin-free",
]

# What the monitor runs: nothing of libc, not even by the compiler's choice.
# Goes with a dependency on //isolation/sys:memory.
BULKHEAD_MONITOR_COPTS = BULKHEAD_CORE_COPTS + [
    "-include",
    "isolation/sys/memory_names.h",
    "-fno-stack-protector",
    "-U_FORTIFY_SOURCE",
]
