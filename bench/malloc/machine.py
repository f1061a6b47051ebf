# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What machine this is, as far as it bears on the figures. No names of hosts."""

import dataclasses
import os
import pathlib
import platform

_KIB_PER_GIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Machine:
    system: str
    kernel: str
    processor: str
    processors: int
    memory_gib: int
    virtual: bool
    has_keys: bool

    def text(self):
        return (f"{self.system}, Linux {self.kernel}, {self.processors} x {self.processor}"
                f"{' (virtual machine)' if self.virtual else ''}, {self.memory_gib} GiB, "
                f"{'with' if self.has_keys else 'without'} protection keys")


def _value(text, name, separator):
    for line in text.splitlines():
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip().strip('"')
    return "unknown"


def parse(cpuinfo, meminfo, os_release, kernel, processors):
    flags = _value(cpuinfo, "flags", ":").split()
    memory = _value(meminfo, "MemTotal", ":").split()[0]
    return Machine(
        system=_value(os_release, "PRETTY_NAME", "="),
        kernel=kernel,
        processor=_value(cpuinfo, "model name", ":"),
        processors=processors,
        memory_gib=round(int(memory) / _KIB_PER_GIB) if memory.isdigit() else 0,
        virtual="hypervisor" in flags,
        # The second is there when the kernel has them switched on.
        has_keys="pku" in flags and "ospke" in flags,
    )


def here():
    def read(path):
        return pathlib.Path(path).read_text(encoding="utf-8")

    return parse(read("/proc/cpuinfo"), read("/proc/meminfo"), read("/etc/os-release"),
                 platform.release().partition("-")[0], len(os.sched_getaffinity(0)))
