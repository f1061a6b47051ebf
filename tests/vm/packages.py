# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Installed Debian packages as a squashfs, for programs that need a system.

The host's own installed files are packed: what runs in the guest is what is
installed here, and nothing is downloaded.
"""

import collections
import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

import machine

# Documents and translations, which no program needs in order to work.
_LEFT_OUT = re.compile(
    r"/usr/share/(doc|man|info|locale|lintian|bug|doc-base)/")
# A change of what is packed, or how, changes this number, and thereby the key.
_FORMAT = 2
_QUERY = "".join((
    "${Package}\t${Version}\t${Architecture}\t${db:Status-Abbrev}\t",
    "${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\n",
))

Package = collections.namedtuple(
    "Package", "name version architecture essential depends provides")


class PackageError(Exception):
    """Something that the user can put right; the text says how."""


def _names(field):
    """[[alternative, ...], ...] of a dependency field, versions dropped."""
    return [[
        re.split(r"[\s(:]", name.strip(), maxsplit=1)[0]
        for name in group.split("|")
    ] for group in field.split(",") if group.strip()]


def _installed():
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", _QUERY], stdout=subprocess.PIPE,
        check=True, encoding="utf-8").stdout
    found = {}
    for line in listing.splitlines():
        name, version, architecture, status, essential, depends, provides = (
            line.split("\t"))
        # Of a package for several architectures, the machine's own counts.
        if status.startswith("ii") and architecture in ("amd64", "all"):
            found[name] = Package(
                name, version, architecture, essential == "yes",
                _names(depends),
                [group[0] for group in _names(provides)])
    return found


def closure(wanted):
    """The installed packages that `wanted` and a basic system need, sorted.

    Raises PackageError when one of `wanted` is not installed. Dependencies
    that dpkg let be absent are left out.
    """
    installed = _installed()
    providers = collections.defaultdict(list)
    for package in installed.values():
        for name in package.provides:
            providers[name].append(package.name)

    missing = [
        name for name in wanted
        if name not in installed and name not in providers
    ]
    if missing:
        raise PackageError(
            "not installed on this machine: " + " ".join(missing) +
            "; run 'apt-get install " + " ".join(missing) + "' as root")

    pending = list(wanted)
    pending += [p.name for p in installed.values() if p.essential]
    chosen = {}
    while pending:
        name = pending.pop()
        if name in chosen:
            continue
        if name not in installed:
            pending += providers[name]
            continue
        chosen[name] = installed[name]
        for group in installed[name].depends:
            pending += [
                option for option in group
                if option in installed or option in providers
            ]
    return sorted(chosen.values())


def owner(path):
    """The package that owns the host's file `path`, or None."""
    for candidate in (path, os.path.realpath(path)):
        names = {candidate, re.sub(r"^/usr(?=/(s?bin|lib))", "", candidate)}
        found = subprocess.run(
            ["dpkg-query", "-S", *sorted(names)], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=False, encoding="utf-8").stdout
        for line in found.splitlines():
            if not line.startswith("diversion by "):
                return re.split(r"[:,]", line, maxsplit=1)[0]
    return None


def _listed(package):
    for name in (package.name, f"{package.name}:{package.architecture}"):
        with contextlib.suppress(FileNotFoundError):
            with open(f"/var/lib/dpkg/info/{name}.list",
                      encoding="utf-8") as file:
                return file.read().splitlines()
    raise PackageError(f"dpkg has no file list of {package.name}; "
                       f"run 'apt-get install --reinstall {package.name}'")


def _alternatives(paths):
    """The links of update-alternatives that lead to files among `paths`."""
    for admin in glob.glob("/var/lib/dpkg/alternatives/*"):
        with open(admin, encoding="utf-8") as file:
            header = file.read().split("\n\n", 1)[0].splitlines()
        # Mode, the link, then pairs of a slave's name and its link.
        names = [os.path.basename(admin), *header[2::2]]
        for name, link in zip(names, header[1::2]):
            inner = f"/etc/alternatives/{name}"
            if os.path.islink(inner) and _place(
                    os.path.realpath(inner)) in paths:
                yield inner
                yield link


def _place(path):
    """`path` with links in its directory resolved, its last part not."""
    directory, name = os.path.split(path)
    return os.path.join(os.path.realpath(directory), name)


def files(chosen):
    """Paths of all that the packages installed, directories before content."""
    paths = {}
    for package in chosen:
        for listed in _listed(package):
            if listed in ("/.", "") or _LEFT_OUT.match(listed):
                continue
            path = _place(listed)
            if os.path.lexists(path):
                paths[path] = None
    for path in list(_alternatives(paths)):
        paths[_place(path)] = None
    # Compiled by a maintainer script, so nobody owns it; without it every
    # start of python3 would compile its library again.
    for directory in {os.path.dirname(p) for p in paths if p.endswith(".py")}:
        for compiled in glob.glob(f"{glob.escape(directory)}/__pycache__/*"):
            paths[os.path.dirname(compiled)] = None
            paths[compiled] = None
    for path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
                 "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime",
                 "/etc/nsswitch.conf", *glob.glob("/etc/ld.so.conf.d/*")):
        if os.path.lexists(path):
            paths[path] = None
    return sorted(paths)


def squashfs(wanted, cache):
    """The path of a squashfs of `wanted` and all that they need.

    It is made once for each set of package versions and kept in the directory
    `cache`. Several processes may ask at a time.
    """
    chosen = closure(wanted)
    key = hashlib.sha256(repr((
        _FORMAT, [(p.name, p.version) for p in chosen])).encode()).hexdigest()
    path = os.path.join(cache, f"{key[:32]}.squashfs")
    if os.path.exists(path):
        return path
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            _pack(files(chosen), path)
    return path


def _pack(paths, target):
    if not shutil.which("sqfstar"):
        raise PackageError("no sqfstar on this machine; "
                           "run 'apt-get install squashfs-tools' as root")
    with tempfile.TemporaryDirectory(dir=os.path.dirname(target)) as scratch:
        listing = os.path.join(scratch, "files")
        packed = os.path.join(scratch, "squashfs")
        with open(listing, "wb") as file:
            file.write(b"".join(os.fsencode(path) + b"\0" for path in paths))
        tar = subprocess.Popen(
            ["tar", "--create", "--null", "--no-recursion", "--absolute-names",
             "--transform=flags=r;s,^/,,", "--ignore-failed-read",
             "--warning=no-failed-read", "--sort=none", "--files-from",
             listing],
            stdout=subprocess.PIPE)
        made = subprocess.run(
            ["sqfstar", "-comp", "lz4", "-no-progress", "-quiet", packed],
            stdin=tar.stdout, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, encoding="utf-8",
            errors="replace")
        tar.stdout.close()
        if tar.wait() != 0 or made.returncode != 0:
            raise PackageError(f"packing the packages failed:\n{made.stdout}")
        os.truncate(packed, machine.DISK_BYTES)
        os.rename(packed, target)
