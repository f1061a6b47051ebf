# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""python3, perl, bash, and gcc with gdb on what it made."""

import hashlib
import re

from harness import Row, expect

_PYTHON = """
import concurrent.futures, hashlib, json, re, subprocess, sys, threading, zlib

SIZE = int(sys.argv[1])

def document(seed):
    return {
        "seed": seed,
        "names": [f"name {seed * i}" for i in range(SIZE)],
        "tree": {str(i): {"square": i * i, "text": "x" * (i % 100)}
                 for i in range(SIZE)},
    }

def digest(seed):
    text = json.dumps(document(seed), sort_keys=True)
    back = json.loads(text)
    assert back == document(seed)
    packed = zlib.compress(text.encode())
    assert zlib.decompress(packed).decode() == text
    words = len(re.findall(r"name \\d+", text))
    return hashlib.sha256(text.encode()).hexdigest(), words

with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for result in pool.map(digest, range(24)):
        print(*result)

local = threading.local()
seen = []
def short_life(number):
    local.blocks = [bytearray(number * 10) for _ in range(100)]
    seen.append(sum(map(len, local.blocks)))
for first in range(0, 200, 10):
    threads = [threading.Thread(target=short_life, args=(first + i,))
               for i in range(10)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print(sum(seen))

for number in range(3):
    child = subprocess.run(
        [sys.executable, "-c", "import json,sys; "
         "print(sum(json.load(sys.stdin)))"],
        input=json.dumps(list(range(number * 1000))), capture_output=True,
        text=True, check=True)
    print(child.stdout.strip(), repr(child.stderr))
"""


def _python3(run):
    (run.work / "work.py").write_text(_PYTHON)
    # Python serves small objects from arenas of its own unless it is told not to.
    for allocator in ("pymalloc", "malloc"):
        output = run.run("/usr/bin/python3", "-B", "work.py", run.scaled(2000, 100),
                         variables={"PYTHONMALLOC": allocator})
        lines = output.splitlines()
        expect(len(lines) == 24 + 1 + 3, f"unexpected output:\n{output}")
        expect(lines[-1] == "1999000 ''", f"the last child printed {lines[-1]}")


_PERL = r"""
use strict; use warnings;
my $size = shift;
my %count; my @lines;
for my $i (1 .. $size) {
  my $line = join ' ', map { ($i * $_) % 997 } 1 .. 20;
  push @lines, $line;
  $count{$_}++ for split ' ', $line;
}
my $text = join "\n", sort { length $a <=> length $b || $a cmp $b } @lines;
(my $changed = $text) =~ s/(\d+)7\b/<$1>/g;
my @frequent = (sort { $count{$b} <=> $count{$a} || $a <=> $b } keys %count)[0 .. 4];
printf "%d %d %d %s\n", length $text, length $changed, scalar(keys %count),
    join ',', map { "$_:$count{$_}" } @frequent;
my @nested = map { { id => $_, list => [ 1 .. $_ % 50 ] } } 1 .. $size;
my $sum = 0; $sum += @{ $_->{list} } for @nested;
print "$sum\n";
my $pid = fork; die unless defined $pid;
if (!$pid) { my @copy = map { $_ x 3 } @lines; exit(@copy == $size ? 7 : 1); }
waitpid $pid, 0; print $? >> 8, "\n";
"""


def _perl(run):
    size = run.scaled(10000, 1000)
    output = run.run("perl", "-e", _PERL, size)
    lines = output.splitlines()
    expect(lines[1] == str(sum(i % 50 for i in range(1, size + 1))),
           f"perl counts {lines[1]}")
    expect(lines[2] == "7", f"perl's child left with {lines[2]}")


_BASH = r"""
set -eu
declare -A seen
total=0
for ((i = 1; i <= SIZE; i++)); do
  key=$((i * 7919 % 1000))
  seen[$key]=$((${seen[$key]:-0} + i))
  total=$((total + i))
  list[i % 300]+="$i,"
done
echo "${#seen[@]} $total ${#list[@]}"
long=$(printf '%s;' "${list[@]}")
echo "${#long}"
echo "${long//1/one}" | cksum
while IFS=, read -r a b rest; do echo "$((a + b)) ${#rest}"; done < <(
  for ((i = 0; i < 20; i++)); do printf '%d,%d,%0*d\n' $i $((i * i)) $((i * 10 + 1)) 0; done)
cat <<END | tr a-z A-Z
here $(echo nested "$(echo deeper)") document
END
[[ "abc-123" =~ ^([a-z]+)-([0-9]+)$ ]] && echo "${BASH_REMATCH[2]}"
(exit 3) || echo "status $?"
"""


def _bash(run):
    size = run.scaled(20000, 2000)
    output = run.run("bash", "-c", _BASH, variables={"SIZE": str(size)})
    lines = output.splitlines()
    expect(lines[0].split()[1] == str(size * (size + 1) // 2),
           f"bash adds up to {lines[0]}")
    expect(lines[-1] == "status 3" and "HERE NESTED DEEPER DOCUMENT" in lines,
           f"unexpected output:\n{output}")


_CPLUSPLUS = """
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct Node {
  int depth;
  std::vector<std::unique_ptr<Node>> children;
};

std::unique_ptr<Node> Grow(int depth) {
  auto node = std::make_unique<Node>();
  node->depth = depth;
  for (int i = 0; i < depth; ++i) node->children.push_back(Grow(depth - 1));
  return node;
}

int Count(const Node& node) {
  int count = 1;
  for (const auto& child : node.children) count += Count(*child);
  return count;
}

int main() {
  std::map<std::string, int> words;
  for (int i = 0; i < 1000; ++i) words["word " + std::to_string(i % 77)] += i;
  int total = 0;
  for (const auto& [word, sum] : words) total += sum;
  std::cout << words.size() << ' ' << total << '\\n';
  std::cout << Count(*Grow(7)) << std::endl;
}
"""
_CPLUSPLUS_OUTPUT = "77 499500\n13700\n"


def _gcc(run):
    (run.work / "program.cc").write_text(_CPLUSPLUS)
    run.run("g++", "-std=c++17", "-O2", "-Wall", "-o", "program", "program.cc")
    made = hashlib.sha256((run.work / "program").read_bytes()).hexdigest()
    run.note("the compiled program", made)
    output = run.run("./program")
    expect(output == _CPLUSPLUS_OUTPUT, f"the program printed {output!r}")


_DEBUGGED = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int inner(const char* text) {
  return (int)strlen(text);
}

static int outer(int times) {
  char* text = malloc(100);
  memset(text, 'x', 99);
  text[99] = 0;
  int sum = 0;
  for (int i = 0; i < times; ++i) sum += inner(text + i);
  free(text);
  return sum;
}

int main(void) {
  printf("sum=%d\\n", outer(3));
  return 4;
}
"""


def _gdb(run):
    (run.work / "debugged.c").write_text(_DEBUGGED)
    run.run("gcc", "-g", "-O0", "-o", "debugged", "debugged.c")
    commands = ("set confirm off", "set width 0", "break inner", "run",
                "backtrace", "print text[98]", "finish", "print $rip != 0",
                "delete", "continue", "print $_exitcode")
    output = run.run(
        "gdb", "--nx", "--batch",
        *[word for command in commands for word in ("-ex", command)],
        "./debugged", variables={"DEBUGINFOD_URLS": ""},
        normal=lambda text: re.sub(r"0x[0-9a-f]+|process \d+", "NUMBER", text))
    for wanted in (r"#0 .*inner \(text=", r"#1 .* in outer \(times=3\)",
                   r"#2 .* in main \(\)", r"\$1 = 120 'x'",
                   r"Value returned is \$\d+ = 99", r"sum=294", r"= 4\n"):
        expect(re.search(wanted, output), f"gdb never said {wanted}:\n{output}")


ROWS = [
    Row("python3", (r"python3(\.\d+)?",), _python3),
    Row("perl", (r"perl(5\S*)?",), _perl),
    Row("bash", ("bash",), _bash),
    Row("gcc", (r"(g\+\+|x86_64-linux-gnu-g\+\+)\S*", "cc1plus",
                r"(x86_64-linux-gnu-)?as", "collect2",
                r"(x86_64-linux-gnu-)?ld\S*", "program"), _gcc),
    Row("gdb", ("gdb", "debugged"), _gdb),
]
