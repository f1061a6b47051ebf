# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Has Bazel build what is measured, and keeps a copy: the next build of another
configuration takes the same place."""

import pathlib
import shutil
import subprocess
import sys

from errors import BenchError

_PROGRAMS = ("bench/workloads/workloads", "bench/workloads/measure")
_LIBRARY = "libbulkhead.so"


def _label(path):
    package, _, name = path.rpartition("/")
    return f"//{package}:{name}"


def _bazel(root, *arguments, **streams):
    try:
        return subprocess.run(["bazel", *arguments], cwd=root, check=False, text=True,
                              stdin=subprocess.DEVNULL, **streams)
    except OSError as error:
        raise BenchError(f"cannot start bazel: {error.strerror}") from error


def build(root, config, files, directory):
    """Files of this tree in a configuration: file name -> path. Raises BenchError."""
    flags = [] if config == "none" else [f"--config={config}"]
    quiet = {} if sys.stderr.isatty() else {"stdout": subprocess.PIPE,
                                            "stderr": subprocess.STDOUT}
    result = _bazel(root, "build", "--show_result=0", *flags, *map(_label, files), **quiet)
    if result.returncode:
        print(result.stdout or "", end="", file=sys.stderr)
        raise BenchError("the build failed; Bazel's messages are above.")
    where = _bazel(root, "info", *flags, "bazel-bin", stdout=subprocess.PIPE,
                   stderr=subprocess.DEVNULL)
    directory.mkdir()
    built = {}
    for file in files:
        source = pathlib.Path(where.stdout.strip()) / file
        built[source.name] = pathlib.Path(shutil.copy(source, directory))
    return built


def programs(root, directory):
    """The programs of the benchmark: file name -> path. Raises BenchError."""
    return build(root, "none", _PROGRAMS, directory / "programs")


def library(root, config, directory):
    """libbulkhead.so in a configuration. Raises BenchError."""
    return build(root, config, [_LIBRARY], directory / config)[_LIBRARY]
