#!/bin/bash
# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

# Programs of several Debian packages at work, for vm_test.
set -euo pipefail

python3 -c 'import json, zlib; print(json.dumps({"zlib": zlib.crc32(b"x")}))'
printf 'text\n' > /etc/written
tr '[:lower:]' '[:upper:]' < /etc/written
awk 'BEGIN { print "awk", ARGC }'
cat <(printf 'process substitution\n')
