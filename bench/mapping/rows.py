# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What is measured: calls, and where they are made."""

import dataclasses

# As bench/mapping/calls.cc has them. What the kernel refuses at once tells what the
# check costs; what it does, how much of a call that is.
REFUSED = ("mmap", "munmap", "mremap", "madvise", "mprotect", "pkey_mprotect", "pkey_free")
DONE = ("map-and-unmap", "move-nowhere", "advise-nothing", "protect-as-it-is")
FORWARDED = ("fputc", "fputs", "fwrite", "fprintf", "getenv", "rand", "random", "gmtime_r",
             "localtime_r", "qsort", "longjmp", "siglongjmp")
CALLS = REFUSED + DONE + FORWARDED

# Of a heap's own pages, and of all where nothing else is allowed.
_OF_HEAPS = ("mprotect", "advise-nothing", "protect-as-it-is")

ALONE, ROOT, VAULT, OWN, BESIDE, SANDBOX = (
    "alone", "root", "vault", "vault-own", "beside", "sandbox")
PLACES = {
    ALONE: "the root, no compartments",
    ROOT: "the root, a vault",
    VAULT: "in a vault",
    OWN: "in a vault, its heap",
    BESIDE: "the root, a sandbox",
    SANDBOX: "in a sandbox, its heap",
}


@dataclasses.dataclass(frozen=True)
class Row:
    call: str
    where: str

    @property
    def is_check(self):
        """Whether the difference is the check that is made before a system call."""
        return self.call in REFUSED

    @property
    def needs_keys(self):
        """Where not, the library is measured as it is shipped, modelled nowhere."""
        return self.call not in FORWARDED or self.where == BESIDE


ROWS = (
    *(Row(call, where) for call in REFUSED for where in (ALONE, ROOT, VAULT, BESIDE)),
    *(Row(call, where) for call in DONE for where in (ALONE, BESIDE)),
    *(Row(call, where) for where in (OWN, SANDBOX) for call in _OF_HEAPS),
    *(Row(call, where) for call in FORWARDED for where in (ALONE, ROOT)),
    # But for jumps, in which the modelled build has a system call for RDGSBASE.
    *(Row(call, BESIDE) for call in FORWARDED if not call.endswith("longjmp")),
)
