# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What is measured: pairs of domains, heaps, threads, compartments beside."""

import dataclasses

# As bench/gate/calls.cc calls them; the first is the loop around a call.
LOOP = "direct"
PAIRS = ("root-vault", "vault-vault", "root-scope", "root-sandbox", "sandbox-root")

KEYS, PAGES = "keys", "pages"
# As many compartments as have keys of their own at once.
_OTHERS = 6


@dataclasses.dataclass(frozen=True)
class Row:
    pair: str
    backend: str = KEYS
    mebibytes: int = 1
    threads: int = 1
    others: int = 0

    @property
    def name(self):
        beside = f", {self.others + 2} compartments" if self.others else ""
        return (f"{self.pair} by {self.backend}, {self.mebibytes} MiB, "
                f"{self.threads} thread{'s' if self.threads > 1 else ''}{beside}")


HEAPS = (1, 64, 1024)
THREADS = (1, 2)
TIMED = (
    *(Row(pair, threads=threads) for pair in PAIRS for threads in THREADS),
    *(Row(PAIRS[0], backend, mebibytes, threads)
      for backend in (KEYS, PAGES) for mebibytes in HEAPS for threads in THREADS
      if (backend, mebibytes) != (KEYS, HEAPS[0])),
    Row(PAIRS[0], others=_OTHERS),
)
