#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""The runner, seen from both ends: what it is asked and what comes back."""

import glob
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from xml.etree import ElementTree

sys.dont_write_bytecode = True

import unit_xml

_HERE = os.path.join(os.environ["TEST_SRCDIR"], "bulkhead", "tests", "vm")
_RUN = os.path.join(_HERE, "run")
_PROBE = os.path.join(_HERE, "probe")
# Otherwise this test's own variables would be those of what it starts.
_ENVIRONMENT = {
    name: value for name, value in os.environ.items()
    if not name.startswith(("TEST_", "GTEST_", "TESTBRIDGE_", "XML_"))
}


def run(*arguments, environment=None, **settings):
    settings.setdefault("stdout", subprocess.PIPE)
    settings.setdefault("stderr", subprocess.PIPE)
    return subprocess.run(
        [_RUN, *arguments], check=False,
        env={**_ENVIRONMENT, **(environment or {})}, **settings)


def probe(*arguments, **settings):
    return run("--quiet", "--", _PROBE, *arguments, **settings)


class Status(unittest.TestCase):
    def test_exit_status_passes(self):
        for status in (0, 3, 255):
            with self.subTest(status=status):
                self.assertEqual(probe("exit", str(status)).returncode, status)

    def test_death_by_signal_is_128_and_the_signal(self):
        for number in (signal.SIGKILL, signal.SIGSEGV):
            with self.subTest(number=number):
                result = probe("die", str(int(number)))
                self.assertEqual(result.returncode, 128 + number)
                self.assertIn(b"was ended by signal %d" % number,
                              result.stderr)

    def test_program_that_cannot_be_started(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\x7fELF\x02 but not really")
            file.flush()
            os.chmod(file.name, 0o755)
            result = run(file.name)
        self.assertEqual(result.returncode, 126, result.stderr)

    def test_orphan_does_not_hold_up_the_end(self):
        result = probe("orphan")
        self.assertEqual((result.returncode, result.stdout), (0, b"left\n"))


class Streams(unittest.TestCase):
    def test_all_bytes_pass(self):
        result = probe("bytes", str(1 << 20))
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, bytes(range(256)) * 4096)
        self.assertEqual(result.stderr, bytes(range(255, -1, -1)) * 4096)

    def test_order_is_kept_when_both_go_to_one_file(self):
        result = probe("order", "1000", stderr=subprocess.STDOUT)
        self.assertEqual(result.stdout.split(),
                         [b"%d" % i for i in range(1000)])

    def test_output_comes_while_the_program_runs(self):
        with subprocess.Popen([_RUN, "--timeout=60", "--quiet", _PROBE, "hang"],
                              stdout=subprocess.PIPE,
                              env=_ENVIRONMENT) as process:
            self.assertEqual(process.stdout.readline(), b"hanging\n")
            self.assertIsNone(process.poll())
            process.terminate()


class Inputs(unittest.TestCase):
    def test_arguments_pass(self):
        arguments = ["", "a b", "it's", 'say "x"', "new\nline", "$HOME", "\\",
                     "--kernel=6.1", "--", "ünïcode"]
        result = probe("arguments", *arguments)
        self.assertEqual(
            result.stdout, b"".join(a.encode() + b"\0" for a in arguments))

    def test_environment_passes(self):
        value = "spaces, 'quotes', \"more\"\nand a line"
        result = probe("variable", "BULKHEAD_OPTIONS",
                       environment={"BULKHEAD_OPTIONS": value})
        self.assertEqual(result.stdout.decode(), value)

    def test_other_environment_passes_when_named(self):
        outside = {"SOME_NAME": "outside"}
        command = ("--", _PROBE, "variable", "SOME_NAME")
        self.assertEqual(run(*command, environment=outside).returncode, 1)
        self.assertEqual(run("--env=SOME_NAME", *command,
                             environment=outside).stdout, b"outside")
        self.assertEqual(run("--env=SOME_NAME=given", *command,
                             environment=outside).stdout, b"given")

    def test_named_file_is_there(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\0content\xff")
            file.flush()
            result = run(f"--file={file.name}", _PROBE, "read", file.name)
        self.assertEqual(result.stdout, b"\0content\xff")


class Machine(unittest.TestCase):
    def _machine(self, *options):
        result = run(*options, _PROBE, "machine")
        self.assertEqual(result.returncode, 0, result.stderr)
        release, directory, uid, name = result.stdout.decode().splitlines()
        self.assertEqual((directory, uid, name),
                         (os.getcwd(), "0", "bulkhead-vm"))
        self.assertIn(release.encode(), result.stderr)
        return release

    def test_default_kernel_is_6_12(self):
        self.assertRegex(self._machine(), r"^6\.12\.")

    def test_kernels_by_name(self):
        self.assertRegex(self._machine("--kernel=6.12"), r"^6\.12\.")
        self.assertRegex(self._machine("--kernel=6.1"), r"^6\.1\.")

    def test_protection_keys(self):
        for kernel in ("6.12", "6.1"):
            with self.subTest(kernel=kernel):
                result = run(f"--kernel={kernel}", _PROBE, "keys")
                self.assertEqual(result.stdout, b"15\n")
                flags = run(f"--kernel={kernel}", _PROBE, "read",
                            "/proc/cpuinfo").stdout.split()
                self.assertIn(b"ospke", flags)

    def test_no_protection_keys(self):
        self.assertEqual(run("--cpu=nopku", _PROBE, "keys").stdout, b"0\n")
        flags = run("--cpu=nopku", _PROBE, "read", "/proc/cpuinfo").stdout
        self.assertIn(b"fsgsbase", flags.split())
        self.assertNotIn(b"pku", flags.split())

    def test_memory(self):
        text = run("--memory=512M", _PROBE, "read", "/proc/meminfo").stdout
        self.assertLess(int(text.split()[1]), 512 * 1024)

    def test_loopback_is_up(self):
        self.assertEqual(probe("loopback").stdout, b"b")


class Ends(unittest.TestCase):
    def test_time_limit(self):
        start = time.monotonic()
        result = run("--timeout=8", _PROBE, "hang")
        self.assertEqual(result.returncode, 124)
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(result.stdout, b"hanging\n")
        self.assertIn(b"vm: time limit of 8 seconds", result.stderr)

    def test_kernel_panic(self):
        result = run(_PROBE, "panic")
        self.assertEqual(result.returncode, 125)
        self.assertIn(b"vm: the machine ended without a status", result.stderr)
        self.assertIn(b"Kernel panic", result.stderr)


class SavedState(unittest.TestCase):
    def test_damage_is_reported_and_repaired(self):
        with tempfile.TemporaryDirectory() as cache:
            settings = {"environment": {"BULKHEAD_VM_CACHE": cache}}
            self.assertEqual(probe("exit", "4", **settings).returncode, 4)
            state, = glob.glob(f"{cache}/*.state")
            os.truncate(state, os.stat(state).st_size // 2)
            result = probe("exit", "4", **settings)
            self.assertEqual(result.returncode, 125)
            self.assertIn(b"saved state of the machine is removed",
                          result.stderr)
            self.assertEqual(probe("exit", "4", **settings).returncode, 4)

    def test_runs_differ_where_they_must(self):
        runs = [run(_PROBE, "random").stdout for _ in range(2)]
        self.assertEqual(len(runs[0]), 16)
        self.assertNotEqual(*runs)
        now = int(run(_PROBE, "time").stdout)
        self.assertLess(abs(now - time.time()), 60)


class Results(unittest.TestCase):
    def test_xml_of_googletest_comes_back(self):
        with tempfile.TemporaryDirectory() as directory:
            xml = f"{directory}/made/test.xml"
            result = run(os.path.join(_HERE, "probe_gtest"),
                         environment={"XML_OUTPUT_FILE": xml,
                                      "TESTBRIDGE_TEST_ONLY": "*Pass*"})
            self.assertEqual(result.returncode, 0, result.stdout)
            cases = ElementTree.parse(xml).findall(".//testcase")
        self.assertEqual([case.get("name") for case in cases], ["Passes"])

    def test_failure_of_googletest_comes_back(self):
        with tempfile.TemporaryDirectory() as directory:
            xml = f"{directory}/test.xml"
            result = run(os.path.join(_HERE, "probe_gtest"),
                         environment={"XML_OUTPUT_FILE": xml})
            self.assertEqual(result.returncode, 1)
            self.assertEqual(ElementTree.parse(xml).getroot().get("failures"),
                             "1")

    def test_undeclared_outputs_come_back(self):
        with tempfile.TemporaryDirectory() as directory:
            result = run(_PROBE, "write", f"{directory}/kept", "text",
                         environment={"TEST_UNDECLARED_OUTPUTS_DIR": directory})
            self.assertEqual(result.returncode, 0, result.stderr)
            with open(f"{directory}/kept", encoding="utf-8") as file:
                self.assertEqual(file.read(), "text")

    def test_named_file_comes_back(self):
        with tempfile.TemporaryDirectory() as directory:
            path = f"{directory}/made"
            run(f"--file={directory}", f"--back={path}", _PROBE, "write", path,
                "text")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), "text")


class Packages(unittest.TestCase):
    def test_programs_of_packages_work(self):
        runfiles = {"TEST_SRCDIR": os.environ["TEST_SRCDIR"]}
        result = run(os.path.join(_HERE, "probe.sh"), environment=runfiles)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.decode().splitlines(), [
            '{"zlib": 2363233923}', "TEXT", "awk 1", "process substitution"])

    def test_missing_package(self):
        result = run("--packages=no-such-package", _PROBE, "exit", "0")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"run 'apt-get install no-such-package'", result.stderr)


class Usage(unittest.TestCase):
    def _refused(self, *arguments, says):
        result = run(*arguments)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(says, result.stderr)
        self.assertEqual(result.stdout, b"")

    def test_wrong_use(self):
        self._refused("--no-such-option", _PROBE, says=b"--no-such-option")
        self._refused("--kernel=5.4", _PROBE, says=b"6.12")
        self._refused("--memory=much", _PROBE, says=b"--memory")
        self._refused("--timeout=-1", _PROBE, says=b"--timeout")
        self._refused(says=b"no PROGRAM given")
        self._refused("/no/such/program", says=b"/no/such/program")
        self._refused("no-such-program", says=b"no-such-program")
        self._refused("--file=/no/such/file", _PROBE, says=b"/no/such/file")

    def test_help(self):
        result = run("--help")
        self.assertEqual(result.returncode, 0)
        for option in (b"--kernel", b"--cpu", b"--timeout", b"--env"):
            self.assertIn(option, result.stdout)


if __name__ == "__main__":
    unit_xml.main()
