# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""git, tar and xz, openssl."""

import hashlib
import random
import re

from harness import Row, expect


def _write_tree(directory, files, seed):
    """Text files of many sizes, the same for the same seed."""
    source = random.Random(seed)
    words = [f"word{number}" for number in range(500)]
    for number in range(files):
        path = directory / f"part{number % 7}" / f"file{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (" ".join(source.choices(words, k=12))
                 for _ in range(number % 60 + 1))
        path.write_text("\n".join(lines) + "\n")


def _digest(directory):
    found = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            found.update(str(path.relative_to(directory)).encode())
            found.update(path.read_bytes())
    return found.hexdigest()


def _git(run):
    files = run.scaled(400, 40)
    repository = run.work / "repository"
    variables = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
                 "GIT_ADVICE": "0"}
    for role in ("AUTHOR", "COMMITTER"):
        variables[f"GIT_{role}_NAME"] = "A Tester"
        variables[f"GIT_{role}_EMAIL"] = "tester@example.invalid"

    def git(*command, compare=True):
        return run.run("git", "-C", repository, *command, variables=variables,
                       compare=compare)

    run.run("git", "init", "--initial-branch=main", repository,
            variables=variables)
    for commit in range(1, 5):
        _write_tree(repository, files * commit // 4, seed=commit)
        for role in ("AUTHOR", "COMMITTER"):
            variables[f"GIT_{role}_DATE"] = f"{1700000000 + commit * 1000} +0000"
        git("add", "--all")
        git("commit", "--quiet", "-m", f"commit number {commit}")
    git("branch", "side", "HEAD~2")
    git("merge-base", "main", "side")
    # How far threads get with packing is not the same twice.
    git("gc", "--aggressive", "--prune=now", "--quiet", compare=False)
    checked = git("fsck", "--full", "--strict", "--no-progress")
    expect(checked == "", f"git fsck says {checked}")
    expect(git("rev-list", "--count", "HEAD") == "4\n", "not four commits")
    expect(git("status", "--porcelain") == "", "the work tree is not clean")
    git("log", "--stat", "--format=%H %s")
    run.run("git", "clone", "--quiet", "--no-local", repository, "clone",
            variables=variables)
    expect(_digest(run.work / "clone" / "part0") == _digest(repository / "part0"),
           "the clone has other files")


def _tar_and_xz(run):
    tree = run.work / "tree"
    _write_tree(tree, run.scaled(800, 80), seed=99)
    (tree / "noise").write_bytes(
        random.Random(1).randbytes(run.scaled(4 << 20, 1 << 18)))
    before = _digest(tree)
    run.run("tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner",
            "--mode=u=rwX,go=rX", "--mtime=@1700000000", "-cf", "tree.tar",
            "tree")
    run.run("xz", "--threads=2", "--block-size=1MiB", "-6", "--keep", "tree.tar")
    run.run("xz", "--test", "tree.tar.xz")
    for name in ("tree.tar", "tree.tar.xz"):
        run.note(name,
                 hashlib.sha256((run.work / name).read_bytes()).hexdigest())
    run.run("tar", "-xJf", "tree.tar.xz", "--one-top-level=unpacked")
    expect(_digest(run.work / "unpacked" / "tree") == before,
           "what was unpacked is not what was packed")
    expect("tree/noise" in run.run("tar", "-tf", "tree.tar"),
           "tar does not list what it packed")


def _openssl(run):
    for algorithms in (("-evp", "sha256"), ("-evp", "aes-256-gcm"),
                       ("rsa2048", "ecdsap256")):
        output = run.run("openssl", "speed", "-mr", "-seconds", "1", "-bytes",
                         "1024", *algorithms, compare=False)
        # A line for each algorithm; rates stand after its name.
        figures = re.findall(r"^\+F\d*:(.*)$", output, re.MULTILINE)
        rates = [float(rate) for line in figures for rate in line.split(":")
                 if re.fullmatch(r"\d+\.\d+", rate)]
        expect(rates and all(rate > 0 for rate in rates),
               f"openssl speed measured nothing:\n{output}")
    (run.work / "text").write_text("signed text\n" * 1000)
    run.run("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt",
            "rsa_keygen_bits:2048", "-out", "key.pem", compare=False)
    run.run("openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    run.run("openssl", "dgst", "-sha256", "-sign", "key.pem", "-out",
            "signature", "text")
    verified = run.run("openssl", "dgst", "-sha256", "-verify", "public.pem",
                       "-signature", "signature", "text")
    expect(verified == "Verified OK\n", f"openssl says {verified}")


ROWS = [
    Row("git", ("git",), _git),
    Row("tar and xz", ("tar", "xz"), _tar_and_xz),
    Row("openssl speed", ("openssl",), _openssl),
]
