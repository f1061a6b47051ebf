# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""jemalloc's source with its generated headers; Bazel compiles it from there."""

load(":source.bzl", "SOURCE_ATTRS", "fetch_source")

# Each flag keeps jemalloc from reaching outside the process, or from being
# reachable by it. See allocator/jemalloc/README.md.
_CONFIGURE_FLAGS = [
    "--disable-cache-oblivious",
    "--disable-cxx",
    "--disable-doc",
    "--disable-initial-exec-tls",
    "--disable-libdl",
    "--disable-shared",
    "--disable-user-config",
    "--with-jemalloc-prefix=je_",
    "--with-lg-hugepage=21",
    "--with-lg-page=12",
    "--with-malloc-conf=narenas:1,tcache:false,oversize_threshold:0,abort_conf:true",
    "--with-private-namespace=bulkhead_",
    "--without-export",
]

# jemalloc makes the list of its private symbols from unoptimised objects.
_GENERATE = """
set -eu
export MAKEFLAGS=-j2 CFLAGS='-O0 -std=gnu11'
./configure "$@"
generated=include/jemalloc/internal/private_namespace.gen.h
make "$generated"
mv "$generated" include/jemalloc/internal/private_namespace.h
find src -name '*.sym*' -delete
definitions=include/jemalloc/internal/jemalloc_internal_defs.h
for feature in DSS BACKGROUND_THREAD USE_SYSCALL HAVE_PTHREAD_GETNAME_NP \
    HAVE_PTHREAD_SETNAME_NP HAVE_SCHED_GETCPU INTERNAL_POPCOUNT INTERNAL_POPCOUNTL; do
  sed -i "s/^#define JEMALLOC_$feature .*/#undef JEMALLOC_$feature/" "$definitions"
  if grep -q "^#define JEMALLOC_$feature\\>" "$definitions"; then
    echo "JEMALLOC_$feature is still defined" >&2
    exit 1
  fi
done
sed -i 's|^/[*] #undef JEMALLOC_OS_UNFAIR_LOCK [*]/|#define JEMALLOC_OS_UNFAIR_LOCK|' "$definitions"
grep -q "^#define JEMALLOC_OS_UNFAIR_LOCK" "$definitions"
"""

def _jemalloc_source_impl(ctx):
    fetch_source(ctx)
    ctx.file("generate.sh", _GENERATE)
    result = ctx.execute(["bash", "generate.sh"] + _CONFIGURE_FLAGS, timeout = 900)
    if result.return_code != 0:
        fail("configuring jemalloc failed:\n" + result.stdout[-4000:] + result.stderr[-4000:])
    ctx.delete("generate.sh")

jemalloc_source = repository_rule(
    implementation = _jemalloc_source_impl,
    attrs = SOURCE_ATTRS,
)
