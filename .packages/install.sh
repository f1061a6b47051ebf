# Copyright 2026 The Bulkhead Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# Makes sure that the packages of .packages/list are installed. Sourced by the
# launcher, which provides `fail STATUS MESSAGE...`.

package_list=$(dirname "${BASH_SOURCE[0]}")/list
readonly package_list

packages_for() {  # PURPOSE...
  local purpose
  for purpose in "$@"; do
    awk -v purpose="$purpose" '$1 == purpose { print $2 }' "$package_list"
  done | sort -u
}

missing_among() {  # PACKAGE...
  local installed
  # dpkg-query fails where it does not know one of them: that one is missing.
  installed=$({ dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } |
    awk '$2 == "installed" { print $1 }' | sort -u)
  comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed")
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo "$@"
  fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 "$@"
}

# What apt would do to install PACKAGE...; changes nothing.
plan_installation() {
  LC_ALL=C apt-get install --print-uris --no-install-recommends "$@" 2>&1
}

print_plan() {  # PLAN PACKAGE...
  local plan=$1
  shift
  printf 'Bulkhead needs these Debian packages, which are not installed:\n\n'
  apt-cache show --no-all-versions "$@" | awk '
    BEGIN { printf "  %-24s %12s %12s\n", "package", "download", "on disk" }
    /^Package: / { name = $2 }
    /^Installed-Size: / { disk = $2 / 1024 }
    /^Size: / { download = $2 / 1048576 }
    /^$/ && name != "" {
      printf "  %-24s %8.1f MiB %8.1f MiB\n", name, download, disk
      name = ""
    }'
  printf '\nWith the packages that these need:\n'
  grep -E '^([0-9]+ upgraded|Need to get|After this operation)' <<<"$plan" |
    sed 's/^/  /'
}

confirm() {
  local answer
  printf '\nInstall them with apt-get%s? [y/N] ' "$( ((EUID == 0)) || echo ' (through sudo)')"
  read -r answer || true
  [[ $answer == [yY] || $answer == [yY][eE][sS] ]]
}

install() {  # PACKAGE...
  apt_get install --yes --no-install-recommends "$@" && return
  echo "bulkhead: apt-get failed; once more, with fresh package lists" >&2
  apt_get update && apt_get install --yes --no-install-recommends "$@"
}

# ensure_packages YES PURPOSE...: returns when all packages are there. YES is
# `yes` where the user need not be asked.
ensure_packages() {
  local yes=$1 needed missing plan
  shift
  mapfile -t needed < <(packages_for "$@")
  mapfile -t missing < <(missing_among "${needed[@]}")
  [[ ${missing[*]} ]] || return 0

  if [[ $yes != yes && ! (-t 0 && -t 1) ]]; then
    fail 2 "these packages are missing: ${missing[*]}" \
      "Run this on a terminal to be asked, or pass --yes to have them installed."
  fi
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    fail 2 "these packages are missing: ${missing[*]}" \
      "There is no sudo here. As root, run: apt-get install --no-install-recommends ${missing[*]}"
  fi
  if ! plan=$(plan_installation "${missing[@]}"); then
    echo "bulkhead: bringing apt's package lists up to date" >&2
    apt_get update || fail 1 "apt-get update failed."
    plan=$(plan_installation "${missing[@]}") ||
      fail 1 "apt-get cannot install ${missing[*]}:" "$plan"
  fi
  print_plan "$plan" "${missing[@]}"
  [[ $yes == yes ]] || confirm || fail 2 "nothing was installed."
  install "${missing[@]}" || fail 1 "apt-get could not install ${missing[*]}."
}
