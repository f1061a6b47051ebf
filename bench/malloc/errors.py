# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What went wrong, for a person to read."""

EXIT_FAILURE = 1
EXIT_USAGE = 2


class BenchError(Exception):
    """Ends the run; `status` is the exit status."""

    def __init__(self, text, status=EXIT_FAILURE):
        super().__init__(text)
        self.status = status


class MeasurementError(Exception):
    """One cell of a table could not be measured; the run goes on."""
