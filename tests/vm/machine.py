# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""One run of the emulated machine, and the frames that its init sends.

A frame is one byte of type, four bytes of little-endian length, and the
payload. Types: 'I' the kernel's release, 'o' and 'e' what the program wrote to
stdout and stderr, 'F' the path of a file and 'f' a piece of its content, 'X'
the program's wait status (four bytes, the last frame), 'L' why init gave up.
"""

import ctypes
import selectors
import signal
import socket
import struct
import subprocess
import time

EMULATOR = "qemu-system-x86_64"
# Where the guest finds the port of the frames, and its read-only disk.
PORT = "/dev/vport0p1"
DISK = "/dev/nvme0n1"
_HEADER = struct.Struct("<cI")
_PR_SET_PDEATHSIG = 1
_CONSOLE_LINES = 40


class MachineError(Exception):
    """The machine ended without a status of the program."""


class TimeLimit(Exception):
    """The machine was stopped at its time limit."""


def _die_with_parent():
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """Starts at once.

    REQUIRES: `kernel` and `disk` (or None) are paths, `initrd` is a descriptor,
    `cpu` and `memory` are in the emulator's words. `show_console` gets the
    console's bytes as they come.
    """

    def __init__(self, kernel, initrd, cpu, memory, disk=None,
                 show_console=None):
        self._show_console = show_console
        self._console = b""
        self._buffer = bytearray()
        ours, theirs = socket.socketpair()
        console_ours, console_theirs = socket.socketpair()
        command = [
            EMULATOR, "-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-machine", "q35",
            "-accel", "tcg,thread=multi", "-cpu", cpu, "-smp", "2",
            "-m", memory,
            "-kernel", kernel, "-initrd", f"/proc/self/fd/{initrd}",
            "-append",
            "console=ttyS0 quiet panic=-1 rdinit=/.vm/init",
            "-chardev", f"socket,id=console,fd={console_theirs.fileno()}",
            "-device", "isa-serial,chardev=console",
            "-chardev", f"socket,id=frames,fd={theirs.fileno()}",
            "-device", "virtio-serial",
            "-device", "virtserialport,chardev=frames",
        ]
        if disk:
            # NVMe, since its driver is part of every kernel that we boot. A
            # comma in a file name is written twice.
            command += [
                "-drive", "id=disk,format=raw,if=none,readonly=on,file=" +
                disk.replace(",", ",,"),
                "-device", "nvme,drive=disk,serial=disk",
            ]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console_theirs,
                stderr=console_theirs, preexec_fn=_die_with_parent,
                pass_fds=(initrd, theirs.fileno(), console_theirs.fileno()))
        finally:
            theirs.close()
            console_theirs.close()
        self._selector = selectors.DefaultSelector()
        self._selector.register(ours, selectors.EVENT_READ, self._on_frames)
        self._selector.register(console_ours, selectors.EVENT_READ,
                                self._on_console)

    def frames(self, deadline):
        """Yields (type, payload) until the status has come, included.

        Raises TimeLimit when time.monotonic() passes `deadline`, MachineError
        when the machine ends first. The machine is gone afterwards.
        """
        try:
            while True:
                for frame in self._take_frames():
                    yield frame
                    if frame[0] == b"X":
                        return
                self._wait(deadline)
        finally:
            self._process.kill()
            self._process.wait()

    def console_tail(self):
        """The last lines of the kernel's console and the emulator's stderr."""
        text = self._console.decode(errors="replace").replace("\r", "")
        return text.splitlines()[-_CONSOLE_LINES:]

    def _wait(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeLimit()
        for key, _ in self._selector.select(left):
            data = key.fileobj.recv(1 << 18)
            if data:
                key.data(data)
                continue
            self._selector.unregister(key.fileobj)
            if not self._selector.get_map():
                raise MachineError()

    def _on_frames(self, data):
        self._buffer += data

    def _on_console(self, data):
        self._console += data
        if self._show_console:
            self._show_console(data)

    def _take_frames(self):
        while len(self._buffer) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._buffer)
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_HEADER.size:end])
            del self._buffer[:end]
            yield kind, payload

