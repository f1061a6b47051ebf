# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What nginx serves and how: a certificate, a key, and a process for each sample."""

import dataclasses
import os
import pathlib
import selectors
import socket
import subprocess
import time

import servers
from errors import MeasurementError

_PROGRAM = "/usr/sbin/nginx"
_OPENSSL = "/usr/bin/openssl"
_START_SECONDS = 60
_READY = b"start worker process "
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclasses.dataclass(frozen=True)
class Site:
    """Files that all columns share."""

    certificate: pathlib.Path
    key: pathlib.Path
    # What names the key to the vault's provider, and what has OpenSSL load that.
    name: pathlib.Path
    settings: pathlib.Path
    provider: pathlib.Path


def make(place, provider, name_key, settings):
    """A fresh site. `name_key` and `settings` are the example's files."""
    directory = place.directory
    site = Site(directory / "certificate.pem", directory / "key.pem", directory / "name.pem",
                directory / "openssl.cnf", provider)
    place.run([_OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
               "-subj", "/CN=localhost", "-keyout", site.key, "-out", site.certificate], None)
    output, _ = place.run([name_key, site.key], None)
    site.name.write_text(output, encoding="utf-8")
    text = settings.read_text(encoding="utf-8")
    installed = "/usr/local/lib/bulkhead_vault.so"
    if installed not in text:
        raise MeasurementError(f"{settings} does not name {installed}")
    site.settings.write_text(text.replace(installed, str(provider)), encoding="utf-8")
    return site


def processors():
    """(the server's, the client's), or two times None where there is only one."""
    here = sorted(os.sched_getaffinity(0))
    return (here[0], here[1]) if len(here) > 1 else (None, None)


def _configuration(site, key, directory, port):
    processor, _ = processors()
    affinity = "" if processor is None else f"worker_cpu_affinity {1 << processor:b};\n"
    temporary = "".join(f"  {kind}_temp_path {directory}/{kind};\n" for kind in _TEMPORARY)
    return (f"daemon off;\n{'user root root;' if os.geteuid() == 0 else ''}\n"
            f"worker_processes 1;\n{affinity}"
            f"pid {directory}/nginx.pid;\nerror_log stderr notice;\n"
            "events { worker_connections 256; }\n"
            f"http {{\n  access_log off;\n{temporary}"
            "  keepalive_requests 100000000;\n"
            "  ssl_protocols TLSv1.3;\n  ssl_session_cache off;\n  ssl_session_tickets off;\n"
            f"  server {{\n    listen 127.0.0.1:{port} ssl;\n"
            f"    ssl_certificate {site.certificate};\n    ssl_certificate_key {key};\n"
            '    location / { return 200 "served"; }\n  }\n}\n')


def _free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def _wait(server):
    """Reads what the server says until its worker is there; the socket is by then."""
    said = b""
    deadline = time.monotonic() + _START_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(server.stderr, selectors.EVENT_READ)
        while _READY not in said:
            if not selector.select(max(deadline - time.monotonic(), 0)):
                raise MeasurementError(f"nginx had no worker within {_START_SECONDS} s")
            data = os.read(server.stderr.fileno(), 1 << 16)
            if not data:
                server.wait()
                raise MeasurementError(f"nginx: exit status {server.returncode}\n"
                                       f"{said.decode(errors='replace')[-1500:]}")
            said += data


class Server:
    """nginx with one worker, in a column."""

    def __init__(self, place, site, column):
        self.port = _free_port()
        # Absent where nothing is preloaded.
        preload = column if column.library else None
        configuration = place.directory / "nginx.conf"
        configuration.write_text(
            _configuration(site, site.name if column.vault else site.key, place.directory,
                           self.port), encoding="utf-8")
        variables = {"OPENSSL_CONF": str(site.settings)} if column.vault else None
        self._process = place.start(
            [_PROGRAM, "-p", place.directory, "-e", "stderr", "-c", configuration], preload,
            variables)
        _wait(self._process)
        master = self._process.pid
        children = pathlib.Path(f"/proc/{master}/task/{master}/children")
        self.worker = int(children.read_text(encoding="utf-8").split()[0])
        if preload:
            servers.check_mapped(self.worker, column)
        if column.vault:
            servers.check_mapped(self.worker, dataclasses.replace(column, library=site.provider))

    def stop(self):
        """Raises MeasurementError where it does not end well."""
        self._process.terminate()
        try:
            _, said = self._process.communicate(timeout=_START_SECONDS)
        except subprocess.TimeoutExpired:
            raise MeasurementError("nginx does not end") from None
        if self._process.returncode or "[alert]" in said:
            raise MeasurementError(f"nginx: exit status {self._process.returncode}\n{said[-1500:]}")
