// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The build id by which Go's linker marks its programs.

    .section .note.go.buildid, "a", @note
    .balign 4
    .long 4
    .long 4
    .long 4
    .ascii "Go\0\0"
    .ascii "test"

    .section .note.GNU-stack, "", @progbits
