# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Tests of malloc, each run on Bulkhead in every way that it gets into a program."""

load("//.bazel:copts.bzl", "BULKHEAD_COPTS")

# The compiler must not know what malloc does: it would drop calls whose result
# it can foresee. clang declares the sized deletes on demand only.
MALLOC_TEST_COPTS = BULKHEAD_COPTS + [
    "-D_GNU_SOURCE",
    "-fno-builtin",
    "-fsized-deallocation",
]

# The parts of the API that a test looks up by name are exported even if nothing
# else in the program refers to them.
_LINKED_LINKOPTS = [
    "-rdynamic",
    "-Wl,--undefined=bh_get_heap_stats",
    "-Wl,--undefined=bh_get_level",
]

_LIBRARY = "//:libbulkhead.so"

def malloc_family_test(name, srcs, bulkhead_srcs = [], deps = [], data = []):
    """Makes NAME_linked, NAME_preloaded, and the control NAME_glibc.

    Args:
      name: prefix of the three tests.
      srcs: GoogleTest files that hold on glibc too.
      bulkhead_srcs: those that only Bulkhead can satisfy.
      deps: of both, beyond :allocator_under_test and GoogleTest.
      data: files that bulkhead_srcs read.
    """
    deps = deps + [
        "//tests/malloc_family:allocator_under_test",
        "@com_google_googletest//:gtest",
    ]
    native.cc_library(
        name = name + "_cases",
        testonly = 1,
        srcs = srcs,
        copts = MALLOC_TEST_COPTS,
        deps = deps,
        alwayslink = 1,
        linkstatic = 1,
    )
    native.cc_library(
        name = name + "_bulkhead_cases",
        testonly = 1,
        srcs = bulkhead_srcs,
        copts = MALLOC_TEST_COPTS,
        deps = deps,
        alwayslink = 1,
        linkstatic = 1,
    )
    native.cc_test(
        name = name + "_linked",
        size = "medium",
        timeout = "long",
        args = ["--allocator=linked"],
        data = data,
        linkopts = _LINKED_LINKOPTS,
        linkstatic = 1,
        malloc = "//:malloc",
        deps = [
            "//tests/malloc_family:main",
            name + "_bulkhead_cases",
            name + "_cases",
        ],
    )
    native.cc_test(
        name = name + "_preloaded",
        size = "medium",
        timeout = "long",
        args = [
            "--allocator=preloaded",
            "--preload=$(rootpath %s)" % _LIBRARY,
        ],
        data = data + [_LIBRARY],
        linkstatic = 1,
        deps = [
            "//tests/malloc_family:main",
            name + "_bulkhead_cases",
            name + "_cases",
        ],
    )
    native.cc_test(
        name = name + "_glibc",
        size = "medium",
        args = ["--allocator=glibc"],
        linkstatic = 1,
        tags = ["no-vm"],
        deps = [
            "//tests/malloc_family:main",
            name + "_cases",
        ],
    )

def malloc_child_test(name, srcs, child, child_srcs, data = [], tags = []):
    """Makes a test whose subject is a child program on every allocator.

    Args:
      name: of the test. Its main() knows the child's forms: see child_process.h.
      srcs: the test's GoogleTest files.
      child: name of the child program.
      child_srcs: its sources.
      data: what the child needs beyond Bulkhead's library.
      tags: of the test.
    """
    native.cc_library(
        name = child + "_lib",
        testonly = 1,
        srcs = child_srcs,
        copts = MALLOC_TEST_COPTS,
        linkopts = [
            "-ldl",
            "-lpthread",
        ],
        alwayslink = 1,
        linkstatic = 1,
        deps = ["//isolation/include/bulkhead:c_header"],
    )
    native.cc_binary(
        name = child,
        testonly = 1,
        deps = [child + "_lib"],
    )
    native.cc_binary(
        name = child + "_linked",
        testonly = 1,
        malloc = "//:malloc",
        deps = [child + "_lib"],
    )
    native.cc_test(
        name = name,
        size = "medium",
        timeout = "long",
        srcs = srcs,
        args = [
            "--child=$(rootpath :%s)" % child,
            "--linked-child=$(rootpath :%s_linked)" % child,
            "--library=$(rootpath %s)" % _LIBRARY,
        ],
        copts = BULKHEAD_COPTS,
        data = data + [
            ":" + child,
            ":%s_linked" % child,
            _LIBRARY,
        ],
        linkstatic = 1,
        tags = tags,
        deps = [
            "//tests/malloc_family:child_main",
            "//tests/malloc_family:child_process",
            "@com_google_googletest//:gtest",
        ],
    )
