# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The machines that the suite runs on."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Machine:
    name: str
    description: str
    bazel_flags: tuple[str, ...]
    # With protection keys a skipped case is a failed one: there is nothing that
    # such a machine lacks.
    has_keys: bool
    emulated: bool


def _cpu_has_keys(cpuinfo="/proc/cpuinfo"):
    """Whether the kernel has turned this CPU's protection keys on."""
    with open(cpuinfo, encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith("flags"):
                return "ospke" in line.split()
    return False


def all_machines(native_has_keys=None):
    if native_has_keys is None:
        native_has_keys = _cpu_has_keys()
    keys = "with protection keys" if native_has_keys else "without protection keys"
    return [
        Machine("native", f"this machine, {keys}", (), native_has_keys, False),
        Machine("pku", "emulated, protection keys, Linux 6.12", ("--config=pku",), True, True),
        Machine(
            "pku-6.1", "emulated, protection keys, Linux 6.1", ("--config=pku-6.1",), True, True
        ),
        Machine(
            "nopku", "emulated, no protection keys, Linux 6.12", ("--config=nopku",), False, True
        ),
    ]


def select_machines(names, native_has_keys=None):
    """The machines called `names`, or by default enough of them that the suite
    runs on both kernels with keys, and somewhere without.

    Raises ValueError for an unknown name.
    """
    machines = all_machines(native_has_keys)
    if names:
        known = {machine.name: machine for machine in machines}
        for name in names:
            if name not in known:
                raise ValueError(f"no machine is called {name}; there are {', '.join(known)}")
        return [machine for machine in machines if machine.name in names]
    native = machines[0]
    return [machine for machine in machines if machine.name != "nopku" or native.has_keys]
