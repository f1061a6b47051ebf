# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0

"""A Linux kernel of Debian's, unpacked but not installed.

Debian renews its kernels and drops the old ones from the archive, so no version
is pinned: the metapackage is resolved when the repository is fetched, and
`version.txt` records to what. Nothing here needs root.

The repository holds `vmlinuz`, `version.txt` and, for `:modules`, the modules
that tests/vm loads, with `modules.txt` listing those that are not part of the
kernel, each after those it depends on.
"""

# Frames travel over virtio-serial, files over virtio-blk; packages are a squashfs
# under an overlay.
_MODULES = ["virtio_pci", "virtio_blk", "virtio_console", "squashfs", "overlay"]

_FETCH = """
set -eu
metapackage=$1
shift
package=$(apt-cache depends --no-recommends --no-suggests "$metapackage" |
  awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }')
if [ -z "$package" ]; then
  echo "apt-cache knows no kernel package behind $metapackage: run 'apt-get update' as root" >&2
  exit 1
fi
if ! apt-get -qq download "$package"; then
  echo "apt-get download $package failed: run 'apt-get update' as root, and see that the archive answers" >&2
  exit 1
fi
version=$(dpkg-deb -f "$package"_*.deb Version)
dpkg-deb -x "$package"_*.deb unpacked
mv unpacked/boot/vmlinuz-* vmlinuz
echo "$package $version" > version.txt

modules=$(echo unpacked/lib/modules/*)
mkdir modules
: > modules.txt
load() {
  local name=$1 packed dependencies
  if grep -q "/${name//_/[-_]}\\.ko$" "$modules/modules.builtin"; then return; fi
  if [ -e "modules/$name.ko" ]; then return; fi
  packed=$(find "$modules" -name "$name.ko" -o -name "$name.ko.xz" -o -name "${name//_/-}.ko*")
  case $packed in
    *.ko) cp "$packed" "modules/$name.ko" ;;
    *.ko.xz) xz -dc "$packed" > "modules/$name.ko" ;;
    *) echo "$package has no module $name: tests/vm needs it" >&2; exit 1 ;;
  esac
  dependencies=$(tr '\\0' '\\n' < "modules/$name.ko" | sed -n 's/^depends=//p' | tr ',-' ' _')
  for dependency in $dependencies; do load "$dependency"; done
  echo "$name.ko" >> modules.txt
}
for name in "$@"; do load "$name"; done
rm -rf unpacked "$package"_*.deb
"""

_BUILD = """
package(default_visibility = ["//visibility:public"])

exports_files(["version.txt", "vmlinuz"])

filegroup(
    name = "modules",
    srcs = ["modules.txt"] + glob(["modules/*.ko"], allow_empty = True),
)

filegroup(
    name = "kernel",
    srcs = [
        "version.txt",
        "vmlinuz",
        ":modules",
    ],
)
"""

def _debian_kernel_impl(ctx):
    for program in ["apt-cache", "apt-get", "dpkg-deb", "xz"]:
        if not ctx.which(program):
            fail("{}: no {} on this machine: tests/vm takes its kernels from Debian's archive{}".format(
                ctx.name,
                program,
                "; run 'apt-get install xz-utils' as root" if program == "xz" else "",
            ))
    result = ctx.execute(
        ["bash", "-c", _FETCH, "fetch", ctx.attr.metapackage] + _MODULES,
        timeout = 600,
    )
    if result.return_code != 0:
        fail("{}: {}".format(ctx.name, result.stderr.strip()))
    ctx.file("BUILD", _BUILD)

debian_kernel = repository_rule(
    implementation = _debian_kernel_impl,
    attrs = {
        "metapackage": attr.string(
            mandatory = True,
            doc = "Debian package whose first dependency is the kernel's",
        ),
    },
)
