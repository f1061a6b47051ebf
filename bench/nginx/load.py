# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The client, wrk: requests for some seconds, and what they cost the server."""

import dataclasses
import re

import servers
import site_of_nginx
from errors import MeasurementError

_CONNECTIONS = 16

FULL_HANDSHAKE, KEEP_ALIVE = "full_handshake", "keep_alive"
# Row -> further arguments of wrk.
ROWS = {
    FULL_HANDSHAKE: ("-H", "Connection: close"),
    KEEP_ALIVE: (),
}


@dataclasses.dataclass(frozen=True)
class Sample:
    requests_per_second: float
    # Of the worker, system calls included.
    server_microseconds: float


def parse(text):
    """(requests, requests per second) of what wrk prints. Raises MeasurementError
    where anything went wrong."""
    trouble = re.search(r"^\s*(Socket errors: .*|Non-2xx or 3xx responses: .*)$", text, re.MULTILINE)
    if trouble:
        raise MeasurementError(f"wrk: {trouble[1]}")
    requests = re.search(r"^\s*(\d+) requests in ", text, re.MULTILINE)
    rate = re.search(r"^Requests/sec:\s+([\d.]+)$", text, re.MULTILINE)
    if not requests or not rate or not int(requests[1]):
        raise MeasurementError(f"wrk gave no count\n{text[-1500:]}")
    return int(requests[1]), float(rate[1])


def take(place, site, row, column, seconds):
    """A sample of one row in one column."""
    server = site_of_nginx.Server(place, site, column)
    _, processor = site_of_nginx.processors()
    pinned = [] if processor is None else ["/usr/bin/taskset", "-c", processor]
    before = servers.cpu_seconds(server.worker)
    output, _ = place.run(
        [*pinned, "/usr/bin/wrk", "-t", 1, "-c", _CONNECTIONS, "-d", f"{seconds}s",
         *ROWS[row], f"https://127.0.0.1:{server.port}/"], None)
    used = servers.cpu_seconds(server.worker) - before
    server.stop()
    requests, rate = parse(output)
    return Sample(rate, used * 1e6 / requests)
