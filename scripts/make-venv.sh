#!/usr/bin/env bash
# Make a virtual environment: make-venv.sh FOLDER [pip install arguments]
# PYTHON chooses the interpreter; otherwise the first fit one of 3.11 to 3.14 is taken.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; }
complete() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
  local name
  for name in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3 python}; do
    if fits "$name" && "$1" "$name"; then
      printf '%s\n' "$name"
      return
    fi
  done
  return 1
}

folder=$1
shift
if [ ! -e "$folder/pyvenv.cfg" ]; then
  python=$(find_python complete) || {
    # Debian keeps the venv module in a package of its own.
    if find_python true >/dev/null || [ -z "${PYTHON:-}" ]; then apt_install python3 python3-venv; fi
    python=$(find_python complete) || fail "Found no Python from 3.11 to 3.14 with its venv module." \
      "Install one, or name it: make PYTHON=/path/to/python3.12 ..."
  }
  "$python" -m venv "$folder"
fi
bin=$folder/bin
[ -d "$bin" ] || bin=$folder/Scripts
"$bin/python" -m pip install --disable-pip-version-check "$@"
