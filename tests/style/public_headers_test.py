#!/usr/bin/python3
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Every public header compiles by itself, with each compiler, in each language that
it is for, without a warning."""

import os
import pathlib
import subprocess
import sys
import textwrap
import unittest

_ABSEIL = sys.argv.pop(1)
_HEADERS = [pathlib.Path(path) for path in sys.argv[1:]]
del sys.argv[1:]

_C_STANDARDS = ("c99", "c17")
_CXX_STANDARDS = ("c++17", "c++20")
_WARNINGS = ("-Wall", "-Wextra", "-pedantic", "-Werror")

# By header: a program that has its macros and templates compiled, too.
_USES = {
    "bulkhead.h": """
        int main(void);
        static void entry(void) {}
        BULKHEAD_GATE(gate, "name", entry);
        int main(void) {
          bh_compartment created;
          if (bh_create("name", NULL, &created) != BH_OK) return 1;
          return (int)bh_call(created, &gate, 0, 0, 0, 0, 0, 0).status;
        }
    """,
    "variables.h": """
        BULKHEAD_PRIVATE(name) static int secret = 1;
        BULKHEAD_PRIVATE(name) unsigned char key[32];
        BULKHEAD_PRIVATE(other) static const char* text;
        BULKHEAD_SHARED int count;
        int main(void) { return secret + key[0] + count + (text == NULL); }
    """,
    "compartment.h": """
        static int Entry(const char* text, bool flag) { return flag ? *text : 0; }
        BULKHEAD_ENTRY(kGate, "name", Entry);
        int main() {
          const auto made = bulkhead::Compartment::Create("name");
          if (!made.ok() || *made != *made) return 1;
          if (!made->WithScope([] {}).ok()) return 1;
          return made->Call(kGate, "text", true).value_or(1);
        }
    """,
    "exception.h": """
        int main() {
          const bh_exception said = bh_explanation();
          const absl::Status status = bulkhead::internal_exception::ToStatus(said, "gate");
          return bulkhead::internal_exception::Explained([&] { return status.ok() ? 1 : 0; });
        }
    """,
    "allocator.h": """
        #include <map>
        #include <vector>
        int main() {
          const bulkhead::Allocator<int> own{bulkhead::Compartment(bh_current())};
          std::vector<int, bulkhead::Allocator<int>> vector({1, 2}, own), other(own);
          other = vector;
          other = std::move(vector);
          using Pair = std::pair<const int, int>;
          std::map<int, int, std::less<int>, bulkhead::Allocator<Pair>> map(own);
          map[1] = static_cast<int>(own.max_size());
          return map.get_allocator() != own;
        }
    """,
    "memory_resource.h": """
        #include <string>
        int main() {
          bulkhead::MemoryResource own{bulkhead::Compartment(bh_current())};
          const std::pmr::string text("text", &own);
          return own == *text.get_allocator().resource() ? 0 : 1;
        }
    """,
    "sandbox.h": """
        static int Entry(const int* numbers) { return *numbers; }
        BULKHEAD_ENTRY(kGate, "name", Entry);
        BULKHEAD_ENTRY(kCallback, "root", Entry);
        int main() {
          const auto made = bulkhead::Sandbox::Create("name");
          auto numbers = bulkhead::SharedArray<int>::Create(3);
          if (!made.ok() || !numbers.ok() || !made->Allow(kCallback).ok()) return 1;
          const auto result = made->Call(kGate, numbers->data());
          if (!result.ok()) return 1;
          return result->Check([](int value) { return value == 0; }).value_or(1);
        }
    """,
}


def _cases():
    """[(header, language, standard), ...]"""
    for header in _HEADERS:
        if header.name == "bulkhead.h":
            yield from ((header, "c", standard) for standard in _C_STANDARDS)
        yield from ((header, "c++", standard) for standard in _CXX_STANDARDS)


class PublicHeadersTest(unittest.TestCase):
    def messages(self, compiler, language, standard, text):
        """What the compiler says."""
        # Only with code do sections and templates meet their errors.
        command = [compiler, f"-x{language}", f"-std={standard}", "-O1", "-c", "-o", os.devnull]
        command += [*_WARNINGS, f"-I{_HEADERS[0].parent.parent}", f"-isystem{_ABSEIL}", "-"]
        result = subprocess.run(command, check=False, capture_output=True, input=text, text=True)
        self.assertEqual(result.returncode != 0, result.stderr != "", result.stderr)
        return result.stderr

    def check(self, compilers):
        for header, language, standard in _cases():
            include = f'#include "{header.parent.name}/{header.name}"\n'
            text = include * 2 + textwrap.dedent(_USES[header.name])
            with self.subTest(header=header.name, standard=standard):
                self.assertEqual(self.messages(compilers[language], language, standard, text), "")

    def test_gcc(self):
        self.check({"c": "gcc", "c++": "g++"})

    def test_clang(self):
        self.check({"c": "clang", "c++": "clang++"})

    def test_every_use_has_a_header(self):
        self.assertEqual(sorted(header.name for header in _HEADERS), sorted(_USES))


if __name__ == "__main__":
    unittest.main()
