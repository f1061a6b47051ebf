# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""What the row python3 of the benchmark runs: argument, the number of rounds."""

import json
import sys


class Node:
    def __init__(self, key, left=None, right=None):
        self.key = key
        self.left = left
        self.right = right


def tree(depth, key=1):
    if depth == 0:
        return Node(key)
    return Node(key, tree(depth - 1, 2 * key), tree(depth - 1, 2 * key + 1))


def keys(node):
    return node.key + (keys(node.left) + keys(node.right) if node.left else 0)


def words(count, state=12345):
    for _ in range(count):
        state = (state * 1103515245 + 12345) % (1 << 31)
        yield f"word{state % 3000}"


def work(number):
    counts = {}
    for word in words(10000, number):
        counts.setdefault(word, []).append(number)
    document = [{"word": word, "at": at, "name": word.upper()} for word, at in counts.items()]
    again = json.loads(json.dumps(document))
    lines = sorted("-".join((row["name"], str(len(row["at"])))) for row in again)
    return keys(tree(10)) + sum(map(len, lines))


print("objects", sum(work(number) for number in range(int(sys.argv[1]))))
