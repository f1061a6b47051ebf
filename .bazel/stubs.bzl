# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Repositories that Debian's Bazel 4.2.3 expects, reduced to what is used.

Debian's own rules_cc needs a newer Bazel, and it packages no
remote_coverage_tools at all. Native rules do the work of the first; the second
only has to exist for `bazel test` to start.
"""

_NATIVE_CC_RULES = [
    "cc_binary",
    "cc_import",
    "cc_library",
    "cc_proto_library",
    "cc_test",
    "cc_toolchain",
    "cc_toolchain_suite",
    "fdo_prefetch_hints",
    "fdo_profile",
    "objc_library",
]

def _rules_cc_stub_impl(ctx):
    ctx.file("WORKSPACE", "workspace(name = \"rules_cc\")\n")
    ctx.file("BUILD", "")
    ctx.file("cc/BUILD", """
alias(
    name = "toolchain_type",
    actual = "@bazel_tools//tools/cpp:toolchain_type",
    visibility = ["//visibility:public"],
)
""")
    ctx.file("cc/defs.bzl", "".join([
        "{rule} = native.{rule}\n".format(rule = rule)
        for rule in _NATIVE_CC_RULES
    ]))

rules_cc_stub = repository_rule(implementation = _rules_cc_stub_impl)

def _remote_coverage_tools_stub_impl(ctx):
    ctx.file("WORKSPACE", "workspace(name = \"remote_coverage_tools\")\n")
    ctx.file("BUILD", """
filegroup(
    name = "coverage_report_generator",
    visibility = ["//visibility:public"],
)
""")

remote_coverage_tools_stub = repository_rule(
    implementation = _remote_coverage_tools_stub_impl,
)
