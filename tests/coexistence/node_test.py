#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""node on Bulkhead, with WebAssembly in use: V8 writes its code under a
protection key of its own, where there are keys."""

import pathlib
import re
import sys
import tempfile
import unittest

# What lies beside is in the source tree, which stays as it is.
sys.dont_write_bytecode = True
_HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(_HERE.parent / "programs"))

import harness

_LIBRARY = pathlib.Path(sys.argv.pop(1)).absolute()
_SCRIPT = (_HERE / "wasm.js").absolute()
_WORKERS = 3
_LAST_LINE = re.compile(r"node v(\d+)\S+, V8 \S+, keys of its own: (\d+)")

# What the kernel says of the processor's flags when it uses the keys.
_HAS_KEYS = " ospke" in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")


class NodeTest(unittest.TestCase):
    def _run(self, *flags):
        """What was seen, and the last line of what node prints, without Bulkhead
        and on it."""
        lines = []

        def work(run):
            output = run.run("node", "--expose-gc", *flags, _SCRIPT,
                             run.scaled(60, 2), _WORKERS)
            lines.append(output.splitlines()[-1])

        with tempfile.TemporaryDirectory(prefix="bulkhead-node-") as directory:
            seen = harness.run_row(harness.Row("node", ("node",), work),
                                   directory, _LIBRARY, harness.Scale.here())
        return seen, lines

    def test_webassembly(self):
        seen, lines = self._run()
        print(f"{lines[0]}; {seen}", flush=True)
        self.assertEqual(lines[0], lines[1])
        version, keys = map(int, _LAST_LINE.fullmatch(lines[0]).groups())
        self.assertGreaterEqual(version, 18)
        # V8 takes one where the processor has any: here it shares them.
        self.assertEqual(keys, 1 if _HAS_KEYS else 0)

    def test_without_its_key(self):
        seen, lines = self._run("--no-wasm-memory-protection-keys")
        print(f"{lines[0]}; {seen}", flush=True)
        self.assertEqual(_LAST_LINE.fullmatch(lines[1])[2], "0")


if __name__ == "__main__":
    unittest.main(verbosity=2)
