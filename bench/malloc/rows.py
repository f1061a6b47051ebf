# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The rows: what is run, and how a sample is taken.

A row's `work` is a function of a Place and a Column that returns a Sample, or
raises MeasurementError.
"""

import dataclasses
import typing

import programs
import servers


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    what: str
    work: typing.Callable
    # Place -> a command that does little, with the programs of `work`: where its
    # malloc comes from is looked up once. None where `work` looks in each run.
    proof: typing.Optional[typing.Callable] = None


# Times and peaks are taken of these.
TIMED = (
    Row("pairs", "a malloc and a free of 16 to 512 bytes at random, beside 1,000 live objects",
        programs.own("pairs")),
    Row("bursts", "1,000 objects of 16 to 512 bytes taken, then all of them given back",
        programs.own("bursts")),
    Row("producer_consumer", "objects of 16 to 512 bytes, taken in one thread, given back in another",
        programs.own("producer_consumer")),
    Row("reallocs", "16 buffers that grow by half at a time to 64 KiB, and shrink again",
        programs.own("reallocs")),
    Row("mixed_threads", "2 threads, each with 256 live objects of 16 bytes to 1 MiB, every page touched",
        programs.own("mixed_threads")),
    Row("redis", "redis-server under redis-benchmark: strings, lists, sets, hashes",
        servers.redis, servers.redis_proof),
    Row("sqlite3", "a table in memory: filled, indexed, joined, changed, sorted",
        programs.sqlite3, lambda _: [programs.SQLITE3, "--version"]),
    Row("python3", "objects, dictionaries and JSON, without Python's own allocator of small objects",
        programs.python3, lambda _: [programs.PYTHON3, "-S", "-c", ""]),
    Row("compile", "g++ -O1 of one C++ file",
        programs.compile_cxx,
        lambda _: [programs.GXX, "-c", "-x", "c++", "/dev/null", "-o", "/dev/null"]),
    Row("startup", "the program true, 1,000 times",
        programs.startup, lambda _: [programs.TRUE]),
)

# A process that waits, and instructions: no times.
IDLE = Row("idle", "one object taken, then waiting on a pipe", servers.idle)
INSTRUCTIONS = "instructions"

NAMES = tuple(row.name for row in TIMED) + (IDLE.name, INSTRUCTIONS)
