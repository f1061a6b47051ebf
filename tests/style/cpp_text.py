# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""C and C++ text, as far as the checks need to understand it."""

import re

_TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
    | (?P<string> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
    """,
    re.VERBOSE | re.DOTALL,
)


def without_comments(text, keep_strings=True):
    """`text` with comments, and on request the content of strings, blanked;
    line numbers stay."""

    def blank(match):
        if match.group("string") and keep_strings:
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())

    return _TOKEN.sub(blank, text)
