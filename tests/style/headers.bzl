# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The headers of a library, for tests that compile by themselves."""

def _headers_of_impl(ctx):
    headers = ctx.attr.library[CcInfo].compilation_context.headers
    return [DefaultInfo(runfiles = ctx.runfiles(transitive_files = headers))]

headers_of = rule(
    implementation = _headers_of_impl,
    attrs = {
        "library": attr.label(
            mandatory = True,
            doc = "cc_library whose headers, and those that it needs, are runfiles",
            providers = [CcInfo],
        ),
    },
)
