# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""How a benchmark's command begins and ends."""

import pathlib
import sys
import tempfile

from errors import BenchError, EXIT_FAILURE, MeasurementError

_INTERRUPTED = 130


def run(work):
    """The exit status of `work(directory)`, which is given a directory of its own; what
    went wrong goes to stderr."""
    try:
        with tempfile.TemporaryDirectory(prefix="bulkhead-bench-") as directory:
            return work(pathlib.Path(directory))
    except (BenchError, MeasurementError, OSError) as error:
        print(f"bulkhead: {error}", file=sys.stderr)
        return getattr(error, "status", EXIT_FAILURE)
    except KeyboardInterrupt:
        print("\nbulkhead: interrupted", file=sys.stderr)
        return _INTERRUPTED
