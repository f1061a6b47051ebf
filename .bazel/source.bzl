# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""Pinned upstream sources, taken from Debian's source packages.

apt knows where this machine's Debian archive is, so no address of one stands
here. Where apt is absent, or its archive lacks the file, the upstream project's
own release address is used. Either way the sha256 decides.
"""

_APT_GET_SOURCE = """
set -eu
mkdir -p apt/parts apt/lists/partial
for list in /etc/apt/sources.list.d/*.sources; do
  [ -e "$list" ] || continue
  sed 's/^Types:.*/Types: deb-src/' "$list" > "apt/parts/$(basename "$list")"
done
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -e "$list" ] || continue
  sed -n 's/^deb /deb-src /p' "$list" > "apt/parts/$(basename "$list")"
done
apt="apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$PWD/apt/parts -o Dir::State::lists=$PWD/apt/lists"
$apt update
$apt source --download-only "$1"
rm -rf apt
"""

SOURCE_ATTRS = {
    "build_file": attr.label(doc = "BUILD file laid over the source"),
    "file": attr.string(mandatory = True, doc = "name of Debian's .orig tarball"),
    "package": attr.string(mandatory = True, doc = "Debian source package"),
    "sha256": attr.string(mandatory = True),
    "strip_prefix": attr.string(mandatory = True),
    "upstream_sha256": attr.string(doc = "where upstream's file differs from Debian's"),
    "upstream_strip_prefix": attr.string(doc = "likewise"),
    "urls": attr.string_list(doc = "upstream release addresses; none where Debian made the file itself"),
}

def fetch_source(ctx):
    """Extracts the pinned tarball into the repository that `ctx` describes.

    Fails when no place yields a file of the pinned sha256.
    """
    ctx.file("fetch.sh", _APT_GET_SOURCE)
    fetched = ctx.execute(["bash", "fetch.sh", ctx.attr.package], timeout = 600)
    archive = ctx.path(ctx.attr.file)
    if archive.exists:
        found = ctx.execute(["sha256sum", ctx.attr.file]).stdout.split(" ")[0]
        if found != ctx.attr.sha256:
            fail("{}: sha256 is {}, pinned is {}".format(ctx.attr.file, found, ctx.attr.sha256))
        ctx.extract(ctx.attr.file, stripPrefix = ctx.attr.strip_prefix)
        ctx.delete(ctx.attr.file)
    elif not ctx.attr.urls:
        fail("apt-get source {} gave no {}, and nobody else has it\n{}".format(
            ctx.attr.package,
            ctx.attr.file,
            fetched.stderr,
        ))
    else:
        # buildifier: disable=print
        print("apt-get source {} gave no {}: trying upstream\n{}".format(
            ctx.attr.package,
            ctx.attr.file,
            fetched.stderr,
        ))
        ctx.download_and_extract(
            url = ctx.attr.urls,
            sha256 = ctx.attr.upstream_sha256 or ctx.attr.sha256,
            stripPrefix = ctx.attr.upstream_strip_prefix or ctx.attr.strip_prefix,
        )
    ctx.delete("fetch.sh")
    if ctx.attr.build_file:
        # A tarball may bring a BUILD file or, like jemalloc, a build directory.
        ctx.file("BUILD.bazel", ctx.read(ctx.attr.build_file))

def _debian_source_impl(ctx):
    fetch_source(ctx)

debian_source = repository_rule(
    implementation = _debian_source_impl,
    attrs = SOURCE_ATTRS,
)
