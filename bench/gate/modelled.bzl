# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The library as `--config=modelled` builds it, for tests of any configuration."""

_COPT = "//command_line_option:copt"

def _to_modelled_impl(settings, _attr):
    return {_COPT: settings[_COPT] + ["-DBULKHEAD_MODELLED"]}

_to_modelled = transition(
    implementation = _to_modelled_impl,
    inputs = [_COPT],
    outputs = [_COPT],
)

def _modelled_library_impl(ctx):
    copy = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = copy, target_file = ctx.file.library)
    return DefaultInfo(files = depset([copy]), runfiles = ctx.runfiles([copy]))

modelled_library = rule(
    implementation = _modelled_library_impl,
    attrs = {
        "library": attr.label(allow_single_file = True, cfg = _to_modelled),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
