# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""redis-server under redis-benchmark, and sqlite3."""

import shutil

from harness import Row, expect

_SOCKET = "redis.sock"
_BENCHMARKS = "set,get,incr,lpush,rpush,lpop,sadd,hset,zadd,lrange_100,mset"
_SUM_OF_COUNTERS = """
local sum = 0
for _, key in ipairs(redis.call('keys', 'counter:*')) do
  sum = sum + redis.call('get', key)
end
return sum
"""


def _start_redis(run):
    # redis-tools holds the server under another name, and the program goes by
    # the name that it is called by; the package redis-server would add nothing
    # but a service that starts.
    program = run.work / "redis-server"
    if not program.exists():
        program.symlink_to(shutil.which("redis-check-rdb") or "redis-check-rdb")
    # A relative socket keeps the path short, whatever the directory's depth.
    server = run.start(
        program, "--port", "0", "--unixsocket", _SOCKET,
        "--dir", run.work, "--save", "", "--appendonly", "no",
        "--daemonize", "no")
    server.wait_for("ready to accept connections")
    return server


def _redis(run):
    requests = run.scaled(10000)
    counters = run.scaled(1000)

    def ask(*command):
        return run.run("redis-cli", "-s", _SOCKET, *command,
                       compare=False).strip()

    server = _start_redis(run)
    report = run.run(
        "redis-benchmark", "-s", _SOCKET, "-t", _BENCHMARKS, "-n", requests,
        "-c", "20", "-d", "100", "-r", counters, "--csv", compare=False)
    rates = [line.split(",")[1].strip('"') for line in report.splitlines()[1:]]
    expect(len(rates) >= len(_BENCHMARKS.split(",")) and
           all(float(rate) > 0 for rate in rates),
           f"redis-benchmark reports no rates:\n{report}")

    # Each request of the benchmark left its trace.
    expect(ask("eval", _SUM_OF_COUNTERS, "0") == str(requests),
           "the counters do not add up to the number of increments")
    # lrange fills the list again before it reads it.
    length = int(ask("llen", "mylist"))
    expect(length >= requests, f"the list has {length} entries")
    expect(int(ask("strlen", "key:000000000001")) in (0, 100),
           "a value is not as long as it was set")
    for number in range(20):
        value = f"value {number} " * (number * 50)
        expect(ask("set", f"mine:{number}", value) == "OK", "SET failed")
        expect(ask("get", f"mine:{number}") == value.strip(),
               f"mine:{number} is not what was set")
    keys = ask("dbsize")

    # The snapshot is written by a forked child.
    expect(ask("bgsave") == "Background saving started", "BGSAVE failed")
    server.wait_for("Background saving terminated with success")
    ask("shutdown", "nosave")
    server.wait()

    server = _start_redis(run)
    expect(ask("dbsize") == keys, "the snapshot lost keys")
    expect(ask("eval", _SUM_OF_COUNTERS, "0") == str(requests),
           "the snapshot changed counters")
    ask("flushall")
    ask("shutdown", "nosave")
    server.wait()


_SQL = """
PRAGMA journal_mode = WAL;
CREATE TABLE measurement(
  id INTEGER PRIMARY KEY, place TEXT, value REAL, note TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %(rows)d)
INSERT INTO measurement
  SELECT i, 'place ' || (i * 7919 %% 1000), i * 0.25, printf('%%.*c', i %% 90, 'x')
  FROM n;
COMMIT;
CREATE INDEX by_place ON measurement(place, value);
SELECT count(*), sum(value), max(length(note)) FROM measurement;
SELECT place, count(*), avg(value) FROM measurement
  GROUP BY place ORDER BY avg(value) DESC, place LIMIT 10;
SELECT count(*) FROM measurement a JOIN measurement b ON b.id = a.id + 1
  WHERE a.value < b.value;
UPDATE measurement SET note = note || ' changed' WHERE id %% 3 = 0;
DELETE FROM measurement WHERE id %% 7 = 0;
SELECT group_concat(upper(place), ';') FROM
  (SELECT DISTINCT place FROM measurement WHERE id < 500 ORDER BY place);
SELECT count(*), sum(length(note)) FROM measurement;
VACUUM;
PRAGMA integrity_check;
"""


def _sqlite3(run):
    # 200,000 rows take half a minute on the emulated machine: not scaled.
    output = run.run("sqlite3", "table.db", stdin=_SQL % {"rows": 200000})
    lines = output.splitlines()
    expect(lines[1].startswith("200000|"), f"not 200,000 rows: {lines[1]}")
    expect(lines[-1] == "ok", f"integrity_check says {lines[-1]}")
    dump = run.run("sqlite3", "table.db", ".dump", compare=False)
    run.note("length of the dump", len(dump))
    expect(dump.count("INSERT INTO") == 200000 - 200000 // 7,
           "the dump has another number of rows")


ROWS = [
    # Debian's redis-server is a link to redis-check-rdb.
    Row("redis-server", ("redis-(server|check-rdb)", "redis-benchmark",
                         "redis-cli"), _redis),
    Row("sqlite3", ("sqlite3",), _sqlite3),
]
