# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Rows that are a process which stays until it is told to end."""

import os
import pathlib
import selectors
import subprocess
import time

from errors import MeasurementError
from place import Sample

# Debian's redis-server is a link to this file of redis-tools, and the program
# goes by the name under which it is called.
_REDIS_PROGRAM = pathlib.Path("/usr/bin/redis-check-rdb")
_SOCKET = "redis.sock"
_REQUESTS = 60000
_TESTS = "set,get,incr,lpush,lpop,sadd,hset,zadd,lrange_100,mset"
_START_SECONDS = 30
_READY = b"eady to accept connections"


def _memory(pid, file, field):
    """A field of a file of /proc, in KiB."""
    with open(f"/proc/{pid}/{file}", encoding="utf-8") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0])
    raise MeasurementError(f"/proc/{pid}/{file} has no {field}")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        values = file.read().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def check_mapped(pid, column):
    real = str(column.library.resolve())
    with open(f"/proc/{pid}/maps", encoding="utf-8") as lines:
        if not any(line.rstrip("\n").endswith(real) for line in lines):
            raise MeasurementError(f"{column.library} is not mapped by process {pid}")


def _redis_program(place):
    program = place.directory / "redis-server"
    if not program.is_symlink():
        program.symlink_to(_REDIS_PROGRAM)
    return program


def redis_proof(place):
    return [_redis_program(place), "--version"]


def _wait_for_redis(server):
    """Reads the server's log until it says that it listens."""
    said = b""
    deadline = time.monotonic() + _START_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(server.stdout, selectors.EVENT_READ)
        while _READY not in said:
            if not selector.select(max(deadline - time.monotonic(), 0)):
                raise MeasurementError(f"redis-server did not listen within {_START_SECONDS} s")
            data = os.read(server.stdout.fileno(), 1 << 16)
            if not data:
                errors = server.communicate()[1]
                raise MeasurementError(
                    f"redis-server: exit status {server.returncode}\n"
                    f"{(said.decode(errors='replace') + errors)[-1500:]}")
            said += data


def redis(place, column):
    """The client runs on glibc's malloc in every column: only the server is
    compared. Requests come in batches of 16, so that it is the server that is
    waited for."""
    (place.directory / _SOCKET).unlink(missing_ok=True)
    # It says little, so that no pipe fills: once it listens, nobody reads on.
    server = place.start(
        [_redis_program(place), "--port", "0", "--unixsocket", _SOCKET, "--save", "",
         "--appendonly", "no", "--daemonize", "no", "--loglevel", "notice"], column)
    _wait_for_redis(server)
    check_mapped(server.pid, column)
    before = cpu_seconds(server.pid)
    begin = time.monotonic()
    place.run(["/usr/bin/redis-benchmark", "-s", _SOCKET, "-t", _TESTS, "-P", "16", "-c", "20",
               "-d", "200", "-r", "100000", "-n", place.scaled(_REQUESTS, 100), "--csv"], None)
    seconds = time.monotonic() - begin
    sample = Sample(seconds, _memory(server.pid, "status", "VmHWM"),
                    cpu_seconds(server.pid) - before)
    place.run(["/usr/bin/redis-cli", "-s", _SOCKET, "shutdown", "nosave"], None)
    server.communicate(timeout=_START_SECONDS)
    if server.returncode:
        raise MeasurementError(f"redis-server: exit status {server.returncode}")
    return sample


def idle(place, column):
    """What is resident while the process waits; no time is taken."""
    process = place.start([place.workloads, "idle"], column, stdin=subprocess.PIPE)
    if process.stdout.readline() != "ready\n":
        raise MeasurementError(f"idle: it ended before it was ready\n{process.stderr.read()}")
    # Not of `status`, which the kernel brings up to date in batches.
    resident = _memory(process.pid, "smaps_rollup", "Rss")
    process.communicate(timeout=_START_SECONDS)
    if process.returncode:
        raise MeasurementError(f"idle: exit status {process.returncode}")
    return Sample(0.0, resident)
