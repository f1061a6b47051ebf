# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes the code of a page a source file: what it includes, the code in a
# namespace of its own, and an Example of the page's `kind`.

/^```cpp$/ { inside = 1; next }
/^```$/ { inside = 0; next }
inside && /^#include / { print; next }
inside { code = code $0 "\n" }
END {
  print "#include \"docs/reports/example.h\"\n\nnamespace {\n\n" code
  print "const bulkhead_docs::Example example(\"" kind "\", Cause, Cure);\n"
  print "}  // namespace"
}
