# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The emulator, and the frames that the guest's init sends.

A frame is one byte of type, four bytes of little-endian length, and the
payload. Types: 'R' init is ready for a run, and the kernel's release; 'S' it
starts the program; 'o' and 'e' what the program wrote to stdout and stderr; 'F'
the path of a file and 'f' a piece of its content; 'X' the program's wait status
(four bytes, the last frame); 'L' why init gave up.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import time

EMULATOR = "qemu-system-x86_64"
# A guest learns a disk's size once, before its state is saved, so all disks of
# all runs say that they have this size. They are files with a hole at the end.
DISK_BYTES = 16 << 30
_HEADER = struct.Struct("<cI")
_PR_SET_PDEATHSIG = 1
_CONSOLE_LINES = 40
_CONTROL_LIMIT = 120


class MachineError(Exception):
    """The machine ended, or did what it should not."""


class TimeLimit(Exception):
    """The time limit passed."""


def _die_with_parent():
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _of_descriptor(descriptor):
    return f"/proc/self/fd/{descriptor}"


class Machine:
    """Starts at once; a context whose end is the machine's.

    `cpu` and `memory` are in the emulator's words, `disks` two descriptors.
    `start` are the emulator's arguments that say what to start from, and
    `start_descriptors` those that they name. `show_console` gets the console's
    bytes as they come.
    """

    def __init__(self, cpu, memory, disks, start, start_descriptors,
                 show_console=None):
        self._show_console = show_console
        self._console = b""
        self._buffer = bytearray()
        self._frames, frames = socket.socketpair()
        console_ours, console = socket.socketpair()
        self._control, control = socket.socketpair()
        self._control.settimeout(_CONTROL_LIMIT)
        self._answers = self._control.makefile("rb")
        command = [
            *arguments(cpu, memory),
            "-chardev", f"socket,id=console,fd={console.fileno()}",
            "-chardev", f"socket,id=frames,fd={frames.fileno()}",
            "-chardev", f"socket,id=control,fd={control.fileno()}",
            *start,
        ]
        for index, disk in enumerate(disks):
            command += ["-drive", f"id=disk{index},format=raw,if=none,"
                        f"readonly=on,file.locking=off,"
                        f"file={_of_descriptor(disk)}"]
        theirs = (frames, console, control)
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console,
                stderr=console, preexec_fn=_die_with_parent,
                pass_fds=(*disks, *start_descriptors,
                          *(end.fileno() for end in theirs)))
        finally:
            for end in theirs:
                end.close()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._frames, selectors.EVENT_READ,
                                self._on_frames)
        self._selector.register(console_ours, selectors.EVENT_READ,
                                self._on_console)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._process.kill()
        self._process.wait()

    def frames(self, deadline):
        """Yields (type, payload) as they come.

        Raises TimeLimit when time.monotonic() passes `deadline`, MachineError
        when the machine ends.
        """
        while True:
            yield from self._take_frames()
            self._wait(deadline)

    def go(self):
        """Lets init, which is ready, begin the run.

        REQUIRES: the machine continues from a saved state.
        """
        # A byte for a machine whose state is still being read might be lost.
        self._tell("qmp_capabilities")
        if not self._tell("query-status").get("running"):
            self._await(lambda answer: answer.get("event") == "RESUME")
        # When the machine is already gone, frames() tells.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._frames.sendall(b"g")

    def save(self, state):
        """Writes the machine's state to the descriptor `state`.

        Its processors stop when all is written.
        """
        self._tell("qmp_capabilities")
        self._tell("migrate-set-capabilities", capabilities=[
            {"capability": "events", "state": True}])
        self._tell("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self._tell("getfd", [state], fdname="state")
        self._tell("migrate", uri="fd:state")
        end = self._await(
            lambda answer: answer.get("event") == "MIGRATION" and
            answer["data"]["status"] in ("completed", "failed"))
        if not end or end["data"]["status"] == "failed":
            raise MachineError("the machine's state could not be saved; is the "
                               "disk full?")

    def console_tail(self):
        """The last lines of the kernel's console and the emulator's stderr."""
        text = self._console.decode(errors="replace").replace("\r", "")
        return text.splitlines()[-_CONSOLE_LINES:]

    def _tell(self, command, descriptors=(), **parameters):
        """What the emulator answers to a command; {} when it has ended."""
        message = {"execute": command, "arguments": parameters}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._control, [json.dumps(message).encode()],
                            descriptors)
        answer = self._await(
            lambda answer: "return" in answer or "error" in answer)
        if "error" in answer:
            raise MachineError(f"{command}: {answer['error']['desc']}")
        return answer.get("return", {})

    def _await(self, wanted):
        """The first of the emulator's messages that is `wanted`, or {}."""
        try:
            for line in self._answers:
                message = json.loads(line)
                if wanted(message):
                    return message
        except ConnectionResetError:
            pass
        except TimeoutError as error:
            raise MachineError("the emulator does not answer") from error
        return {}

    def _wait(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeLimit()
        for key, _ in self._selector.select(left):
            data = b""
            # An emulator that ends without reading all resets the connection.
            with contextlib.suppress(ConnectionResetError):
                data = key.fileobj.recv(1 << 18)
            if data:
                key.data(data)
                continue
            self._selector.unregister(key.fileobj)
            if not self._selector.get_map():
                raise MachineError("the machine ended")

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


def arguments(cpu, memory):
    """The emulator's command, as far as it is the same for every run."""
    return [
        EMULATOR, "-nodefaults", "-no-user-config", "-no-reboot",
        "-display", "none", "-machine", "q35", "-accel", "tcg,thread=multi",
        "-cpu", cpu, "-smp", "2", "-m", memory,
        "-device", "isa-serial,chardev=console",
        "-device", "virtio-serial",
        "-device", "virtserialport,chardev=frames",
        "-device", "virtio-blk-pci,drive=disk0",
        "-device", "virtio-blk-pci,drive=disk1",
        "-qmp", "chardev:control",
    ]


def kernel_start(kernel, initrd):
    """What to start from, for Machine: the path of a kernel, a descriptor."""
    # On a busy host the kernel counts too few timer interrupts in its check of
    # the timer, and gives up.
    return ["-kernel", kernel, "-initrd", _of_descriptor(initrd), "-append",
            "console=ttyS0 quiet panic=-1 no_timer_check rdinit=/.vm/init"]


def saved_start(state):
    """What to start from, for Machine: the descriptor of a saved state."""
    return ["-incoming", f"fd:{state}"]


def empty_disk(name):
    """A descriptor of a disk in memory, to be written from its start."""
    disk = os.memfd_create(name, 0)
    os.ftruncate(disk, DISK_BYTES)
    return disk
