#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What wrk says is understood, and every column serves. Nothing here holds a rate
to anything."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
_HERE = pathlib.Path(__file__).parent
sys.path[0:0] = [str(_HERE), str(_HERE.parent / "malloc"), str(_HERE.parent / "gate")]

import counts
import load
import main
import rounds
import site_of_nginx
from errors import MeasurementError
from place import Place

_LIBRARY, _MODELLED, _PROVIDER, _SIGNS, _NAME_KEY, _SETTINGS = (
    pathlib.Path(argument).resolve() for argument in sys.argv[1:7])
del sys.argv[1:]

_SAID = """Running 1s test @ https://127.0.0.1:4430/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    10.34ms    1.02ms  21.79ms   84.14%
    Req/Sec     1.32k    56.30     1.40k    90.00%
  1326 requests in 1.00s, 194.24KB read
Requests/sec:   1323.40
Transfer/sec:    193.86KB
"""


class WrkTest(unittest.TestCase):
    def test_rate(self):
        self.assertEqual(load.parse(_SAID), (1326, 1323.4))

    def test_trouble(self):
        for trouble in ("  Socket errors: connect 0, read 3, write 0, timeout 0\n",
                        "  Non-2xx or 3xx responses: 7\n"):
            with self.assertRaisesRegex(MeasurementError, trouble.strip()):
                load.parse(_SAID.replace("Requests/sec", trouble + "Requests/sec"))
        with self.assertRaises(MeasurementError):
            load.parse(_SAID.replace("1326 requests", "0 requests"))
        with self.assertRaises(MeasurementError):
            load.parse("")


class OutputTest(unittest.TestCase):
    samples = {row: {"nginx": [load.Sample(rate, 100.0) for rate in (1000, 900, 1200)],
                     "vault": [load.Sample(rate, 110.0) for rate in (900, 950, 800)]}
               for row in load.ROWS}

    def test_closing_line(self):
        self.assertEqual(main.closing(self.samples, counts.Count(12, 5, 4000)),
                         "bench nginx: full_handshake_ratio=0.90 keep_alive_ratio=0.90 "
                         "switches_per_second=10800")
        self.assertTrue(main.closing(self.samples, None).endswith("switches_per_second=n/a"))

    def test_table(self):
        table = main.row_table(load.KEEP_ALIVE, self.samples[load.KEEP_ALIVE])
        self.assertEqual([[cell.text for cell in row] for row in table.rows],
                         [["nginx", "1,000", "30%", "1.000", "100.0", "0%"],
                          ["vault", "900", "17%", "0.900", "110.0", "0%"]])


class SampleTest(unittest.TestCase):
    def test_every_column_serves(self):
        for library in (_LIBRARY, _MODELLED):
            with tempfile.TemporaryDirectory() as directory:
                place = Place(directory, 1.0, None, None, directory)
                site = site_of_nginx.make(place, _PROVIDER, _NAME_KEY, _SETTINGS)
                row = main.Row(load.FULL_HANDSHAKE, lambda at, column, site=site: load.take(
                    at, site, load.FULL_HANDSHAKE, column, 1))
                results = rounds.Results(1)
                columns = main._columns(library, "")
                samples = rounds.sample_row(place, row, columns, results, lambda _: None)
                self.assertEqual(results.failures, {})
                self.assertEqual([len(values) for values in samples.values()], [1] * 4)
                for column in columns[-1:]:
                    place.run([_SIGNS, site.name, "3"], column,
                              {"OPENSSL_CONF": str(site.settings)})
                with self.assertRaisesRegex(MeasurementError, "no private key"):
                    place.run([_SIGNS, site.certificate, "3"], None)


if __name__ == "__main__":
    unittest.main()
