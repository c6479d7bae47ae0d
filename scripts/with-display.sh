#!/usr/bin/env bash
# Run a command that opens windows: on the display at hand, or on a virtual one where there is none.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/system-packages.sh"
if [ "$(uname -s)" != Linux ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  exec "$@"
fi
exec xvfb-run --auto-servernum --server-args="-screen 0 1600x1200x24" "$@"
