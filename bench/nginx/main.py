# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""`./bulkhead bench nginx`: a TLS server with its key in a vault, and without."""

import argparse
import dataclasses
import datetime
import json
import pathlib
import shlex
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "bench" / "malloc"), str(ROOT / "bench" / "gate")]

import allocators
import build
import counts
import launch
import load
import machine
import rounds
import site_of_nginx
import stats
import tables
from errors import BenchError, MeasurementError
from place import Place

_EXAMPLE = ROOT / "docs" / "examples" / "vault_tls"
_PROVIDER = "docs/examples/vault_tls/bulkhead_vault.so"
_SIGNS = "bench/nginx/signs"
# Of which callgrind takes a tenth of a second each.
_SIGNATURES = 100

_ALONE, _VAULT = "nginx", "vault"


@dataclasses.dataclass(frozen=True)
class Column(allocators.Column):
    vault: bool = False


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    work: object


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./bulkhead bench nginx", add_help=False, allow_abbrev=False)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs: one run is the least")
    if options.seconds < 1:
        parser.error("--seconds: one second is the least")
    return options


def _columns(library, what):
    glibc = allocators.columns(["glibc"], [])[0].library
    return [
        Column(_ALONE, None, "nothing is preloaded; what all is divided by"),
        Column("glibc", glibc, "its own malloc, preloaded: how far it is from nginx is noise"),
        Column("bulkhead", library, f"{what}; the key on the heap"),
        Column(_VAULT, library, f"{what}; the key in a vault", vault=True),
    ]


def _progress(text):
    print(f"bulkhead: {text}", file=sys.stderr)


def _count(place, column, site, signs):
    """What a signature in the vault executes, or None, and why."""
    try:
        _progress("WRPKRU of a signature")
        return counts.Counter(column.library).per_call(
            place, column, lambda calls: [signs, site.name, calls], _SIGNATURES,
            {"OPENSSL_CONF": str(site.settings)}), ""
    except MeasurementError as failure:
        return None, str(failure)


def rate_ratio(samples, column):
    """Median requests a second over those of nginx on its own."""
    def median(name):
        return stats.median([sample.requests_per_second for sample in samples[name]])
    return median(column) / median(_ALONE)


def row_table(title, samples):
    cells = []
    for name, values in samples.items():
        rates = [sample.requests_per_second for sample in values]
        used = [sample.server_microseconds for sample in values]
        cells.append([tables.Cell(text) for text in (
            name, f"{stats.median(rates):,.0f}", f"{stats.spread(rates):.0%}",
            f"{rate_ratio(samples, name):.3f}", f"{stats.median(used):,.1f}",
            f"{stats.spread(used):.0%}")])
    return tables.Table(
        f"{title.replace('_', ' ')}: median and spread",
        ["", "requests/s", "spread", "ratio", "server µs/request", "spread"], cells)


def switches(samples, count):
    """WRPKRU a second of signatures, one for each full handshake."""
    if count is None:
        return "n/a"
    rates = [sample.requests_per_second for sample in samples[load.FULL_HANDSHAKE][_VAULT]]
    return f"{stats.median(rates) * count.wrpkru:.0f}"


def closing(samples, count):
    return (f"bench nginx: full_handshake_ratio="
            f"{rate_ratio(samples[load.FULL_HANDSHAKE], _VAULT):.2f} "
            f"keep_alive_ratio={rate_ratio(samples[load.KEEP_ALIVE], _VAULT):.2f} "
            f"switches_per_second={switches(samples, count)}")


def _sample(place, site, columns, options):
    results = rounds.Results(options.runs)
    samples = {}
    for name in load.ROWS:
        row = Row(name, lambda at, column, name=name: load.take(
            at, site, name, column, options.seconds))
        samples[name] = rounds.sample_row(place, row, columns, results, _progress)
    for (row, column), why in results.failures.items():
        raise BenchError(f"{row}, {column}: {why}")
    return samples


def _heading(arguments, this, columns):
    command = shlex.join(["./bulkhead", "bench", "nginx", *arguments])
    what = "\n".join(f"  {column.name}: {column.what}" for column in columns)
    return (f"{command}\n\nRun on {datetime.date.today().isoformat()}: {this.text()}.\n"
            f"nginx has one worker, and wrk 16 connections, each on a processor of its own where\n"
            f"there are two.\n{what}\n")


def _run(options, arguments, directory):
    this = machine.here()
    config = "none" if this.has_keys else "modelled"
    _progress("building; the first time takes some minutes")
    built = build.build(ROOT, config, ["libbulkhead.so", _PROVIDER, _SIGNS], directory / "built")
    columns = _columns(
        built["libbulkhead.so"],
        "shipped build" if this.has_keys else "keys are modelled, and nothing is enforced")
    print(_heading(arguments, this, columns), flush=True)
    place = Place(directory, 1.0, None, None, directory)
    try:
        site = site_of_nginx.make(place, built["bulkhead_vault.so"], _EXAMPLE / "name_key",
                                  _EXAMPLE / "openssl.cnf")
        count, why = _count(place, columns[-1], site, built["signs"])
        samples = _sample(place, site, columns, options)
    finally:
        place.close()
    for name, values in samples.items():
        print(tables.text(row_table(name, values)))
    if count is None:
        print(f"bulkhead: WRPKRU are not counted: {why}", file=sys.stderr)
    else:
        print(f"a signature in the vault: {count.wrpkru:g} WRPKRU\n")
    if options.json:
        options.json.write_text(json.dumps(
            {row: {column: [dataclasses.asdict(sample) for sample in values]
                   for column, values in of_row.items()} for row, of_row in samples.items()},
            indent=1) + "\n", encoding="utf-8")
    print(closing(samples, count))
    return 0


def main(arguments):
    options = _parse(arguments)
    return launch.run(lambda directory: _run(options, arguments, directory))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
