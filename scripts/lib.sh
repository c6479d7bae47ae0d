# Shared by the scripts beside it: messages, what the machine lacks, and apt where it may be used.

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# Tell whether a command, a shared library or a file is there.
has() {
  case $1 in
    /*) [ -e "$1" ] ;;
    *.so.*) PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -F "$1 " >/dev/null ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

# Install Debian packages when that is allowed; otherwise say the command that does.
apt_install() {
  local command="apt-get install --yes --no-install-recommends $*"
  command -v apt-get >/dev/null 2>&1 || fail "This machine lacks: $*" \
    "(the names are Debian's). Install what they stand for, then run this again."
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || fail "This machine lacks some packages. Run:" \
      "sudo apt-get update && sudo $command"
    as_root=(sudo -n)
  fi
  say "Installing: $*"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update --quiet >&2
  # shellcheck disable=SC2086 # the command's words are package names
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $command >&2 </dev/null
}
