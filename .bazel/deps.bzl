# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Everything that Bulkhead is built from and tested on. Reasons: docs/dependencies.md."""

load(":debian_kernel.bzl", "debian_kernel")
load(":jemalloc.bzl", "jemalloc_source")
load(":source.bzl", "debian_source")
load(":stubs.bzl", "remote_coverage_tools_stub", "rules_cc_stub")

def _bazel_repositories():
    rules_cc_stub(name = "rules_cc")
    remote_coverage_tools_stub(name = "remote_coverage_tools")
    native.local_repository(name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib")
    native.local_repository(name = "platforms", path = "/usr/share/bazel/tools/platforms")
    native.local_repository(name = "rules_java", path = "/usr/share/bazel/rules/java")
    native.local_repository(name = "rules_proto", path = "/usr/share/bazel/rules/proto")

def _sources():
    debian_source(
        name = "com_google_absl",
        file = "abseil_20220623.1.orig.tar.gz",
        package = "abseil",
        sha256 = "abfe2897f3a30edaa74bc34365afe3c2a3cd012091a97dc7e008f7016adcd5fe",
        strip_prefix = "abseil-20220623.1",
        upstream_sha256 = "91ac87d30cc6d79f9ab974c51874a704de9c2647c40f6932597329a282217ba8",
        upstream_strip_prefix = "abseil-cpp-20220623.1",
        urls = ["https://github.com/abseil/abseil-cpp/archive/refs/tags/20220623.1.tar.gz"],
    )
    debian_source(
        name = "com_google_googletest",
        file = "googletest_1.12.1.orig.tar.gz",
        package = "googletest",
        sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
        strip_prefix = "googletest-release-1.12.1",
        urls = ["https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz"],
    )
    jemalloc_source(
        name = "jemalloc",
        build_file = Label("//allocator/jemalloc:jemalloc.BUILD"),
        file = "jemalloc_5.3.0.orig.tar.bz2",
        package = "jemalloc",
        sha256 = "2db82d1e7119df3e71b7640219b6dfe84789bc0537983c3b7ac4f7189aecfeaa",
        strip_prefix = "jemalloc-5.3.0",
        urls = ["https://github.com/jemalloc/jemalloc/releases/download/5.3.0/jemalloc-5.3.0.tar.bz2"],
    )

def _corpora():
    """Real files for tests/libraries; nothing of these is built."""
    debian_source(
        name = "goexif_files",
        build_file = Label("//tests/libraries:corpus.BUILD"),
        file = "golang-github-rwcarlsen-goexif_0.0~git20190401.9e8deec.orig.tar.xz",
        package = "golang-github-rwcarlsen-goexif",
        sha256 = "37a2fa0ef119b0228e8ce19ce23ef3632a51e888c8d61724591cbcae04789158",
        strip_prefix = "golang-github-rwcarlsen-goexif-0.0~git20190401.9e8deec",
    )
    debian_source(
        name = "libjpeg_turbo_files",
        build_file = Label("//tests/libraries:corpus.BUILD"),
        file = "libjpeg-turbo_2.1.5.orig.tar.gz",
        package = "libjpeg-turbo",
        sha256 = "254f3642b04e309fee775123133c6464181addc150499561020312ec61c1bf7c",
        strip_prefix = "libjpeg-turbo-2.1.5",
        urls = ["https://github.com/libjpeg-turbo/libjpeg-turbo/archive/refs/tags/2.1.5.tar.gz"],
    )
    debian_source(
        name = "libpng_files",
        build_file = Label("//tests/libraries:corpus.BUILD"),
        file = "libpng1.6_1.6.39.orig.tar.gz",
        package = "libpng1.6",
        sha256 = "a00e9d2f2f664186e4202db9299397f851aea71b36a35e74910b8820e380d441",
        strip_prefix = "libpng-1.6.39",
        urls = ["https://github.com/pnggroup/libpng/archive/refs/tags/v1.6.39.tar.gz"],
    )
    debian_source(
        name = "libxslt_files",
        build_file = Label("//tests/libraries:corpus.BUILD"),
        file = "libxslt_1.1.35.orig.tar.xz",
        package = "libxslt",
        sha256 = "8247f33e9a872c6ac859aa45018bc4c4d00b97e2feac9eebc10c93ce1f34dd79",
        strip_prefix = "libxslt-1.1.35",
        urls = ["https://download.gnome.org/sources/libxslt/1.1/libxslt-1.1.35.tar.xz"],
    )

def _kernels():
    debian_kernel(name = "kernel_6_1", metapackage = "linux-image-cloud-amd64")
    debian_kernel(name = "kernel_6_12", metapackage = "linux-image-6.12-cloud-amd64")

def bulkhead_dependencies():
    _bazel_repositories()
    _sources()
    _corpora()
    _kernels()
