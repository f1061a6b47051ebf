#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What is counted is told apart, what is measured exists, and every kind of call
runs. Nothing here holds a time to anything."""

import os
import pathlib
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(1, str(pathlib.Path(__file__).parents[1] / "malloc"))

import counts
import machine
import main
import plot
import rows

_CALLS, _LIBRARY, _MODELLED = sys.argv[1:4]
del sys.argv[1:]


class CountsTest(unittest.TestCase):
    def test_vectors(self):
        listing = """
   1: mov    %r8,%rsp
   2: cmpl   $0x1,0x2(%rip)        # 9 <bulkhead_vector_state>
   8: jb     20 <gate+0x20>
   a: je     1e <gate+0x1e>
   c: vpxorq %zmm16,%zmm16,%zmm16
  1e: vzeroall
  21: jmp    40 <gate+0x40>
  23: pxor   %xmm0,%xmm0
  40: xor    %esi,%esi
  42: pxor   %xmm1,%xmm1
"""
        self.assertEqual(counts.vector_addresses(listing),
                         {0x2, 0x8, 0xa, 0xc, 0x1e, 0x21, 0x23})

    def test_difference(self):
        many, few = counts.Count(40, 20, 1000), counts.Count(20, 10, 600)
        self.assertEqual((many - few) / 10, counts.Count(2, 1, 40))


class OutputTest(unittest.TestCase):
    samples = {row: [100.0 * (number + 1), 120.0 * (number + 1)]
               for number, row in enumerate(rows.TIMED)}
    found = {pair: counts.Count(2, 5, 78) for pair in rows.PAIRS}

    def test_closing_lines(self):
        first = next(main._closing(self.found, self.samples))
        self.assertEqual(first, "bench gate: pair=root-vault wrpkru=2 instructions=78 "
                                "vector_instructions=5 ns=110")
        without = next(main._closing({}, self.samples))
        self.assertIn("wrpkru=n/a instructions=n/a", without)
        self.assertEqual(len(list(main._closing(self.found, self.samples))), len(rows.PAIRS))

    def test_plot(self):
        series = main._series(self.samples)
        self.assertEqual(len(series), 4)
        drawn = plot.draw(series)
        lines = ElementTree.fromstring(drawn).findall("{http://www.w3.org/2000/svg}polyline")
        self.assertEqual([len(line.get("points").split()) for line in lines],
                         [len(rows.HEAPS)] * 4)
        self.assertEqual(drawn, plot.draw(series))


class CallsTest(unittest.TestCase):
    def run_calls(self, *arguments, library=_LIBRARY):
        return subprocess.run([_CALLS, *arguments], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "LD_PRELOAD": str(pathlib.Path(library).resolve())})

    def test_every_pair(self):
        known = self.run_calls("--pairs").stdout.splitlines()
        self.assertEqual([line.partition("\t")[0] for line in known], [rows.LOOP, *rows.PAIRS])
        for row in rows.TIMED:
            if row.mebibytes > 1:
                continue
            # Without keys there are no sandboxes.
            shipped = machine.here().has_keys or "sandbox" not in row.pair
            for library in [_MODELLED] + [_LIBRARY] * shipped:
                done = self.run_calls(f"--pair={row.pair}", "--calls=20", "--mebibytes=1",
                                      f"--threads={row.threads}", f"--others={row.others}",
                                      library=library)
                self.assertEqual((done.returncode, done.stderr), (0, ""), (row, library))
                self.assertRegex(done.stdout, r"^seconds=\d+\.\d+ cycles=\d+\.\d\n$")

    def test_no_such_pair(self):
        self.assertEqual(self.run_calls("--pair=x", "--calls=1").returncode, 2)


if __name__ == "__main__":
    unittest.main()
