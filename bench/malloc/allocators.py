# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The columns: what is preloaded, and where it lies."""

import dataclasses
import pathlib
import subprocess

from errors import BenchError, EXIT_USAGE

BASELINE = "jemalloc"
BULKHEAD = "bulkhead"


@dataclasses.dataclass(frozen=True)
class Allocator:
    """One column. `package` and `file` say where Debian has it."""

    name: str
    package: str
    file: str
    what: str
    # Why valgrind cannot run it, where it cannot.
    not_counted: str = ""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of this run: the file that is preloaded, and what it is."""

    name: str
    library: pathlib.Path
    what: str
    not_counted: str = ""


PEERS = (
    Allocator("glibc", "libc6", "libc.so.6",
              "preloaded too, because Debian's redis-server is linked with jemalloc"),
    Allocator("jemalloc", "libjemalloc2", "libjemalloc.so.2",
              "what every other column is divided by"),
    Allocator("mimalloc", "libmimalloc2.0", "libmimalloc.so.2.0", "without its secure mode"),
    Allocator("tcmalloc", "libtcmalloc-minimal4", "libtcmalloc_minimal.so.4",
              "that of gperftools, not the newer one of the same name"),
    Allocator("scudo", "libclang-rt-14-dev", "libclang_rt.scudo_standalone-x86_64.so",
              "LLVM's standalone Scudo, as Debian builds it",
              not_counted="Scudo reserves more address space than valgrind has"),
)
NAMES = tuple(peer.name for peer in PEERS) + (BULKHEAD,)


def _package_field(package, field):
    result = subprocess.run(
        ["dpkg-query", "--show", f"--showformat=${{{field}}}\\n", package],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    # A package of several architectures has one line for each.
    return (result.stdout.splitlines() or [""])[0]


def _files_of(package):
    result = subprocess.run(["dpkg-query", "--listfiles", package], check=False,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [pathlib.Path(line) for line in result.stdout.splitlines()]


def locate(peer):
    """The column of one of Debian's allocators. Raises BenchError."""
    for path in _files_of(peer.package):
        if path.name == peer.file and path.exists():
            version = _package_field(peer.package, "Version")
            return Column(peer.name, path, f"{peer.package} {version}, {peer.what}",
                          peer.not_counted)
    raise BenchError(
        f"{peer.name}: the package {peer.package} has no file {peer.file} here.\n"
        f"As root, run: apt-get install --no-install-recommends {peer.package}", EXIT_USAGE)


def columns(names, bulkheads):
    """The columns of `names`, in the order of NAMES. `bulkheads` are the columns of
    Bulkhead, of which the first is called so."""
    found = [locate(peer) for peer in PEERS if peer.name in names]
    if BULKHEAD in names:
        found += bulkheads
    return found
