// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Compiles and runs WebAssembly in several workers, round after round, while
// they allocate and collect garbage. Prints what is the same each time, and a
// line with the versions and the keys that executable memory carries.

'use strict';

const fs = require('fs');
const {Worker, isMainThread, parentPort, workerData} =
    require('worker_threads');

const FUNCTIONS = 60;
const I32 = 0x7f;

function unsigned(number) {
  const bytes = [];
  for (; number > 127; number >>>= 7) bytes.push((number & 127) | 128);
  return [...bytes, number];
}

function signed(number) {
  const bytes = [];
  for (; number > 63 || number < -64; number >>= 7) {
    bytes.push((number & 127) | 128);
  }
  return [...bytes, number & 127];
}

function section(id, entries) {
  const content = [...unsigned(entries.length), ...entries.flat()];
  return [id, ...unsigned(content.length), ...content];
}

function body(code) {
  return [...unsigned(code.length), ...code];
}

// acc = acc * factor + n, for n down to 1.
function mixing(factor) {
  return body([
    1, 1, I32,                    // a local, acc
    0x03, 0x40,                   // loop
    0x20, 1, 0x41, ...signed(factor), 0x6c, 0x20, 0, 0x6a, 0x21, 1,
    0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x20, 1, 0x0b]);
}

function name(text) {
  return [...unsigned(text.length), ...Buffer.from(text)];
}

// Functions f0, f1, ... that mix, and one, load, that reads the memory.
function moduleOf(seed) {
  const load = body([0, 0x20, 0, 0x28, 2, 0, 0x0b]);
  const numbers = Array.from({length: FUNCTIONS}, (_, i) => i);
  return new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [[0x60, 1, I32, 1, I32]]),
    ...section(3, [...numbers, 0].map(() => [0])),
    ...section(5, [[0, 1]]),
    ...section(7, [...numbers.map((i) => [...name(`f${i}`), 0, ...unsigned(i)]),
                   [...name('load'), 0, ...unsigned(FUNCTIONS)]]),
    ...section(10, [...numbers.map((i) => mixing(seed * FUNCTIONS + i)), load]),
  ]);
}

function mixed(factor, n) {
  let acc = 0;
  for (; n > 0; --n) acc = (Math.imul(acc, factor) + n) | 0;
  return acc;
}

function check(condition, what) {
  if (!condition) throw new Error(what);
}

// Blocks of the heap's own and of malloc's, most of them garbage at once.
function litter(kept, round) {
  for (let i = 0; i < 2000; ++i) kept[i % 500] = {round, text: `${round} ${i}`};
  for (let i = 0; i < 40; ++i) kept[i] = Buffer.alloc(20000 + i * 997, round);
  global.gc();
}

async function work(seed, rounds) {
  const kept = [];
  let sum = 0;
  for (let round = 0; round < rounds; ++round) {
    const factor = seed * 1000 + round;
    const bytes = moduleOf(factor);
    const module = round % 2 ? await WebAssembly.compile(bytes) :
                               new WebAssembly.Module(bytes);
    const {exports} = new WebAssembly.Instance(module);
    litter(kept, round);
    for (let i = 0; i < FUNCTIONS; ++i) {
      const found = exports[`f${i}`](1000);
      check(found === mixed(factor * FUNCTIONS + i, 1000), `f${i} is ${found}`);
      sum = (sum + found) | 0;
    }
    // Beyond the memory: a fault that V8's handler makes an exception of.
    let trapped = false;
    try {
      exports.load(1 << 30);
    } catch (error) {
      trapped = error instanceof WebAssembly.RuntimeError;
    }
    check(trapped, 'no trap');
  }
  return sum;
}

// Distinct keys but 0 of the memory that may be executed.
function keysOfCode() {
  const keys = new Set();
  let executable = false;
  for (const line of fs.readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    const header = /^[0-9a-f]+-[0-9a-f]+ ..(.)/.exec(line);
    if (header) executable = header[1] === 'x';
    const key = /^ProtectionKey:\s+(\d+)/.exec(line);
    if (key && executable && key[1] !== '0') keys.add(key[1]);
  }
  return keys.size;
}

function inWorker(seed, rounds) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename, {workerData: {seed, rounds}});
    worker.on('message', resolve);
    worker.on('error', reject);
  });
}

async function main(rounds, workers) {
  const seeds = Array.from({length: workers}, (_, i) => i + 1);
  const sums = await Promise.all(
      [work(0, rounds), ...seeds.map((seed) => inWorker(seed, rounds))]);
  sums.forEach((sum, seed) => console.log(`seed ${seed}: ${sum}`));
  console.log(`node ${process.version}, V8 ${process.versions.v8}, ` +
              `keys of its own: ${keysOfCode()}`);
}

if (isMainThread) {
  const [rounds, workers] = process.argv.slice(2).map(Number);
  main(rounds, workers).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
} else {
  work(workerData.seed, workerData.rounds).then((sum) => parentPort.postMessage(sum));
}
