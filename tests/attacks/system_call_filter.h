// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Filters that answer in the kernel's place.

#ifndef BULKHEAD_TESTS_ATTACKS_SYSTEM_CALL_FILTER_H_
#define BULKHEAD_TESTS_ATTACKS_SYSTEM_CALL_FILTER_H_

namespace bulkhead_test {

// Makes the system call `number` fail with `error`, or succeed without effect
// if that is 0, in this process and what it starts. Exits with 98 where the
// kernel refuses the filter.
void Answer(int number, unsigned error);

// The same for calls alone whose argument of that index, from 0 on, is `value`.
void AnswerWhere(int number, int argument, unsigned value, unsigned error);

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_ATTACKS_SYSTEM_CALL_FILTER_H_
