#!/usr/bin/env bash
# Install what the viewer needs from a Debian or Ubuntu machine, or say what is lacking; nothing to do elsewhere.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

[ "$(uname -s)" = Linux ] || exit 0
missing=()
while read -r package probe; do
  case $package in '' | '#'*) continue ;; esac
  has "$probe" || missing+=("$package")
done <"$here/debian-packages.txt"
[ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
