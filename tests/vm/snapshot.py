# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Machines that have booted and wait for a program, saved in a cache.

Booting under emulation takes seconds of a processor, continuing from a saved
state a fraction of one, and a suite runs hundreds of machines.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import time

import machine

_BOOT_LIMIT = 120
_KEPT_DAYS = 30
_KEPT_BYTES = 2 << 30


class Kernel:
    """An unpacked kernel: the paths of `image` and `modules`, `version`."""

    def __init__(self, directory):
        self.image = f"{directory}/vmlinuz"
        with open(f"{directory}/version.txt", encoding="utf-8") as file:
            self.version = file.read().strip()
        with open(f"{directory}/modules.txt", encoding="utf-8") as file:
            self.modules = [f"{directory}/modules/{name}"
                            for name in file.read().split()]


def _write_cpio_entry(output, path, mode, data=b""):
    name = os.fsencode(path) + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    output.write(header + name + b"\0" * (-(len(header) + len(name)) % 4))
    output.write(data + b"\0" * (-len(data) % 4))


def _boot_files(kernel, init):
    """A descriptor of the kernel's first file system: init and modules."""
    initrd = os.memfd_create("initrd", 0)
    with open(initrd, "wb", closefd=False) as output:
        for path in (".vm", ".vm/modules", ".vm/root"):
            _write_cpio_entry(output, path, stat.S_IFDIR | 0o755)
        for index, path in enumerate((init, *kernel.modules)):
            with open(path, "rb") as file:
                # Numbers keep the modules' order.
                _write_cpio_entry(
                    output, f".vm/modules/{index:02}" if index else ".vm/init",
                    stat.S_IFREG | 0o755, file.read())
        _write_cpio_entry(output, "TRAILER!!!", 0)
    return initrd


def _key(kernel, init, cpu, memory):
    """Changes with all that a saved state depends on."""
    emulator_path = shutil.which(machine.EMULATOR)
    if not emulator_path:
        raise machine.MachineError(
            f"no {machine.EMULATOR} on this machine; "
            "run 'apt-get install qemu-system-x86' as root")
    emulator = os.stat(emulator_path)
    with open(init, "rb") as file:
        program = hashlib.sha256(file.read()).hexdigest()
    return hashlib.sha256(repr((
        kernel.version, program, emulator.st_size, emulator.st_mtime_ns,
        machine.arguments(cpu, memory), machine.DISK_BYTES,
        machine.kernel_start("", 0))).encode()).hexdigest()[:32]


def _boot(kernel, init, cpu, memory, target):
    initrd = _boot_files(kernel, init)
    disks = [machine.empty_disk("disk0"), machine.empty_disk("disk1")]
    scratch = f"{target}.{os.getpid()}"
    try:
        with machine.Machine(
                cpu, memory, disks, machine.kernel_start(kernel.image, initrd),
                [initrd]) as booting, open(scratch, "wb") as state:
            try:
                for kind, payload in booting.frames(
                        time.monotonic() + _BOOT_LIMIT):
                    if kind == b"R":
                        break
                    raise machine.MachineError(os.fsdecode(payload))
                booting.save(state.fileno())
            except machine.TimeLimit as error:
                raise machine.MachineError("\n".join((
                    f"not ready after {_BOOT_LIMIT} seconds",
                    *booting.console_tail()))) from error
            except machine.MachineError as error:
                raise machine.MachineError("\n".join((
                    str(error), *booting.console_tail()))) from error
        os.rename(scratch, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(scratch)
        for descriptor in (initrd, *disks):
            os.close(descriptor)


def saved_state(kernel, init, cpu, memory, cache):
    """An open file: the state of a machine that is ready for a run.

    It is made when the directory `cache` does not have it. Several processes
    may ask at a time. Raises machine.MachineError when the machine does not
    boot.
    """
    path = os.path.join(cache, f"{_key(kernel, init, cpu, memory)}.state")
    with contextlib.suppress(FileNotFoundError):
        return open(path, "rb")
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            _boot(kernel, init, cpu, memory, path)
        return open(path, "rb")


def keep_recent(cache, *used):
    """Marks the paths `used` as such, and keeps the cache small.

    What was used least recently is removed until the rest is recent and small
    enough. A run that still needs such a file has it open.
    """
    for path in used:
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
    found = []
    with os.scandir(cache) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file() and entry.path not in used:
                    found.append((entry.stat(), entry.path))
    size = 0
    oldest = time.time() - _KEPT_DAYS * 86400
    for info, path in sorted(found, key=lambda item: -item[0].st_mtime):
        # Not st_size, which counts holes.
        size += info.st_blocks * 512
        if size > _KEPT_BYTES or info.st_mtime < oldest:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
