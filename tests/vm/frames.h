// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The guest's end of the port to the host, and how init gives up. For init's
// one thread only. machine.py describes the frames.

#ifndef TESTS_VM_FRAMES_H_
#define TESTS_VM_FRAMES_H_

#include <stddef.h>

#include <string>

namespace bulkhead {

// The port, -1 until init has opened it.
extern int frame_port;

// False, with errno set, when not all could be written.
[[nodiscard]] bool WriteAll(int fd, const void* data, size_t size);

// REQUIRES: frame_port is open. Ends the machine when the host is gone.
void SendFrame(char type, const void* data, size_t size);
void SendFrame(char type, const std::string& text);

// Restarts the machine, which the emulator takes as its end.
[[noreturn]] void EndMachine();

// Tells the host and the console `what` failed, and errno; ends the machine.
[[noreturn]] void Fail(const std::string& what);

// Fails unless `ok`.
void Check(bool ok, const std::string& what);

}  // namespace bulkhead

#endif  // TESTS_VM_FRAMES_H_
