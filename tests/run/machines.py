# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The machines that the suite runs on."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Machine:
    name: str
    description: str
    bazel_flags: tuple[str, ...]
    has_keys: bool
    # Targets with one of these tags do not run there; see suite.py.
    excluded_tags: tuple[str, ...] = ()
    # Only whoever names it gets it.
    on_demand: bool = False
    # With protection keys and nothing beside the tests, a skipped case is a failed
    # one: there is nothing that such a machine lacks.
    may_skip: bool = True


# Where no program of Bulkhead's runs, and where no timer reaches it.
_NO_VM, _NO_TIMER = "no-vm", "no-timer"


def native_has_keys(cpuinfo="/proc/cpuinfo"):
    """Whether the kernel has turned this CPU's protection keys on."""
    with open(cpuinfo, encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith("flags"):
                return "ospke" in line.split()
    return False


def all_machines(has_keys=None):
    if has_keys is None:
        has_keys = native_has_keys()
    keys = "with protection keys" if has_keys else "without protection keys"
    emulated, timed = (_NO_VM,), (_NO_VM, _NO_TIMER)
    return [
        Machine("native", f"this machine, {keys}", (), has_keys),
        Machine(
            "pku",
            "emulated, protection keys, Linux 6.12",
            ("--config=pku",),
            True,
            emulated,
            may_skip=False,
        ),
        Machine(
            "pku-6.1",
            "emulated, protection keys, Linux 6.1",
            ("--config=pku-6.1",),
            True,
            emulated,
            may_skip=False,
        ),
        Machine(
            "nopku",
            "emulated, no protection keys, Linux 6.12",
            ("--config=nopku",),
            False,
            emulated,
            on_demand=not has_keys,
        ),
        Machine(
            "timer",
            f"this machine, {keys}, interrupted at 1 kHz",
            ("--config=timer",),
            has_keys,
            timed,
        ),
        Machine(
            "timer-allocates",
            f"this machine, {keys}, interrupted at 1 kHz by a handler that allocates",
            ("--config=timer-allocates",),
            has_keys,
            timed,
            on_demand=True,
        ),
        Machine(
            "timer-pku",
            "emulated, protection keys, Linux 6.12, interrupted at 1 kHz",
            ("--config=timer-pku",),
            True,
            timed,
            on_demand=True,
            may_skip=False,
        ),
    ]


def select_machines(names, has_keys=None):
    """The machines called `names`, or by default enough of them that the suite
    runs on both kernels with keys, somewhere without, and once under a timer.

    Raises ValueError for an unknown name.
    """
    machines = all_machines(has_keys)
    if names:
        known = {machine.name: machine for machine in machines}
        for name in names:
            if name not in known:
                raise ValueError(f"no machine is called {name}; there are {', '.join(known)}")
        return [machine for machine in machines if machine.name in names]
    return [machine for machine in machines if not machine.on_demand]
