# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What a run gives the guest: settings, the program's files, packages."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import elf
import files
import machine
import packages

_BUSYBOX = "/usr/bin/busybox"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED_ON = re.compile(
    r"(TEST_|GTEST_|BULKHEAD_|TESTBRIDGE_|RUNFILES_|XML_OUTPUT_FILE$)")
# Files whose paths these name are made by the program and read by Bazel.
_BACK = re.compile(
    r"(XML_OUTPUT_FILE|TEST_\w+_FILE|TEST_UNDECLARED_OUTPUTS\w*)$")
# Loaded by libraries while they run, so that no header names them.
_LOADED_LATER = ("/lib/x86_64-linux-gnu/libgcc_s.so.1",)
_ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\n"
              "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost bulkhead-vm\n::1 localhost\n",
    "hostname": "bulkhead-vm\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


class GuestError(Exception):
    """Something that the user can put right; the text says how."""


def runfile(path):
    """The runner's own runfile, wherever it was started from."""
    start = os.path.abspath(sys.argv[0])
    roots = [os.environ.get("TEST_SRCDIR"), os.environ.get("RUNFILES_DIR"),
             start + ".runfiles", os.path.splitext(start)[0] + ".runfiles"]
    roots.append(start.rpartition(".runfiles/")[0] + ".runfiles")
    for root in filter(None, roots):
        found = os.path.join(os.path.abspath(root), path)
        if os.path.exists(found):
            return found
    raise GuestError(f"{path} is not among the runner's files; "
                     "run 'bazel build //tests/vm:run' and use what it made")


def _absolute(path):
    """From where the user is: 'bazel run' starts programs elsewhere."""
    start = os.environ.get("BUILD_WORKING_DIRECTORY", os.getcwd())
    return os.path.normpath(os.path.join(start, path))


def _program(name):
    if "/" not in name:
        found = shutil.which(name, path=_PATH)
        if not found:
            raise GuestError(f"{name}: no such program in {_PATH}")
        return found
    path = _absolute(name)
    if not os.path.isfile(path):
        raise GuestError(f"{name}: no such file")
    return path


def _interpreter(path):
    """The program that the script `path` names in its first line, or None."""
    with open(path, "rb") as file:
        words = os.fsdecode(file.readline(256)).split()
    if not words or not words[0].startswith("#!"):
        return None
    words[0] = words[0][2:]
    words = [word for word in words if word]
    if words and os.path.basename(words[0]) == "env" and len(words) > 1:
        return shutil.which(words[-1], path=_PATH) or words[-1]
    return words[0] if words else None


def _environment(options):
    passed = {"PATH": _PATH, "HOME": "/root", "USER": "root",
              "LOGNAME": "root", "SHELL": "/bin/sh"}
    for name, value in os.environ.items():
        if _PASSED_ON.match(name):
            passed[name] = value
    for setting in options.env:
        name, equals, value = setting.partition("=")
        if equals:
            passed[name] = value
        elif name in os.environ:
            passed[name] = os.environ[name]
    return passed


def cache_directory():
    """A directory that is kept between runs and that others cannot write to."""
    home = os.environ.get("HOME")
    candidates = [os.environ.get("BULKHEAD_VM_CACHE")]
    if "TEST_TMPDIR" not in os.environ:
        shared = os.environ.get("XDG_CACHE_HOME") or home and f"{home}/.cache"
        candidates.append(shared and f"{shared}/bulkhead/vm")
    candidates += [f"{base}/bulkhead-vm-{os.getuid()}"
                   for base in ("/var/tmp", "/tmp")]
    for path in filter(None, candidates):
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError:
            continue
        info = os.lstat(path)
        if info.st_uid == os.getuid() and not info.st_mode & 0o022:
            return path
    raise GuestError("no directory for packed packages; set BULKHEAD_VM_CACHE "
                     "to one that only you can write to")


class Guest:
    """The disks of one run, as a context.

    `disks` are descriptors of the program's and of the packages' disk, and
    `packages` the path of the second's file or None.
    """

    def __init__(self, command, options, cache):
        self._options = options
        self._command = command
        self._cache = cache
        self._program = _program(command[0])
        self._packages = set(filter(None, options.packages.split(",")))
        self._executables = []
        self._tree = files.Tree()
        self._environment = _environment(options)
        self.packages = None
        self.disks = []

    def __enter__(self):
        self._collect()
        self._find_interpreter()
        if self._packages:
            self.packages = packages.squashfs(self._packages, self._cache)
        self._complete()
        self.disks = [machine.empty_disk("program"), self._packages_disk()]
        with open(self.disks[0], "wb", closefd=False) as file:
            file.write(self._settings())
            self._tree.write(file)
        return self

    def __exit__(self, *unused):
        for disk in self.disks:
            os.close(disk)

    def _packages_disk(self):
        if not self.packages:
            return machine.empty_disk("packages")
        return os.open(self.packages, os.O_RDONLY)

    def _collect(self):
        """The program's own files."""
        named = [_absolute(path) for path in self._options.file]
        for path in named:
            if not os.path.exists(path):
                raise GuestError(f"{path}: no such file")
        roots = [self._program, self._program + ".runfiles",
                 os.environ.get("TEST_SRCDIR"), *named]
        for root in filter(None, roots):
            if not os.path.exists(root):
                continue
            for path in self._tree.add_tree(root, skip=_is_kernel):
                if path.endswith(".vm_packages"):
                    self._packages.update(_package_names(path))
                if elf.is_elf(path):
                    self._executables.append(path)

    def _find_interpreter(self):
        interpreter = _interpreter(self._program)
        if interpreter is None or (interpreter == "/bin/sh" and
                                   not self._packages):
            return
        owner = packages.owner(interpreter)
        if owner is None:
            raise GuestError(f"{self._program}: its interpreter {interpreter} "
                             "belongs to no installed package")
        self._packages.add(owner)

    def _complete(self):
        """What any program finds on a machine."""
        library_path = self._environment.get("LD_LIBRARY_PATH", "").split(":")
        preloaded = self._environment.get("LD_PRELOAD", "").split()
        later = [path for path in (*_LOADED_LATER, *preloaded)
                 if elf.is_elf(path)]
        needed = elf.needed_files(self._executables + later,
                                  list(filter(None, library_path)))
        for path in (*later, *needed):
            self._tree.add_file(path)
        for name in ("bin", "sbin", "lib", "lib64"):
            self._tree.add_directory(f"/usr/{name}")
            self._tree.add_link(f"/{name}", f"usr/{name}")
        for name, content in _ETC.items():
            self._tree.add_bytes(f"/etc/{name}", content.encode())
        self._add_busybox()
        for path in ("/root", os.getcwd(), "/etc", "/tmp", "/var/tmp"):
            self._tree.add_directory(path)
        for name, value in self._environment.items():
            if not value.startswith("/"):
                continue
            if name in ("TEST_TMPDIR", "TEST_UNDECLARED_OUTPUTS_DIR",
                        "TEST_UNDECLARED_OUTPUTS_ANNOTATIONS_DIR"):
                self._tree.add_directory(value)
            elif _BACK.match(name):
                self._tree.add_directory(os.path.dirname(value))

    def _add_busybox(self):
        if not os.path.exists(_BUSYBOX):
            raise GuestError(f"no {_BUSYBOX} on this machine; "
                             "run 'apt-get install busybox-static' as root")
        self._tree.add_file(_BUSYBOX)
        if self._packages:
            return
        applets = subprocess.run([_BUSYBOX, "--list-full"], check=True,
                                 stdout=subprocess.PIPE, encoding="utf-8")
        for path in applets.stdout.split():
            self._tree.add_link(f"/{path}", "/usr/bin/busybox")

    def _settings(self):
        streams = [os.fstat(descriptor) for descriptor in (1, 2)]
        settings = [
            ("time", int(time.time())),
            ("entropy", os.urandom(32).hex()),
            ("packages", "yes" if self.packages else "no"),
            ("merge", "yes" if os.path.samestat(*streams) else "no"),
            ("cwd", os.getcwd()),
            ("program", self._program),
        ]
        settings += [("arg", value) for value in self._command]
        settings += [("env", f"{name}={value}")
                     for name, value in self._environment.items()]
        settings += [("back", _absolute(path))
                     for path in self._options.back]
        settings += [("back", value)
                     for name, value in self._environment.items()
                     if _BACK.match(name) and value.startswith("/")]
        return b"".join(os.fsencode(f"{name}={value}") + b"\0"
                        for name, value in settings) + b"\0"


def _is_kernel(path):
    return os.path.basename(path) in ("kernel_6_12", "kernel_6_1")


def _package_names(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            name = line.partition("#")[0].strip()
            if name:
                yield name
