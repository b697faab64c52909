# Installs Debian packages that are missing. Sourced after script.sh.
#
# Asks nothing and starts no service: a policy-rc.d that answers "forbidden" (101) stands in the way of every
# service script while apt runs, and is put back as it was even when apt fails or is interrupted.

# Tests put it elsewhere.
: "${POLICY_RC_D:=/usr/sbin/policy-rc.d}"
readonly POLICY_MARK='# concordat: no service starts while its packages are installed'
# Where a policy-rc.d that was there before waits for its return.
readonly POLICY_KEPT=$POLICY_RC_D.before-concordat
AS_ROOT=()

# The names in list files: the first word of each line, unless a "have:COMMAND" after it is satisfied.
package_names() {
  local line name rest
  cat "$@" | while IFS= read -r line; do
    read -r name rest <<<"${line%%#*}"
    [[ -n $name ]] || continue
    if [[ $rest == have:* ]] && command -v "${rest#have:}" >/dev/null; then continue; fi
    printf '%s\n' "$name"
  done
}

missing_packages() {
  local name
  for name in $(package_names "$@"); do
    [[ $(dpkg-query -W -f='${Status}' "$name" 2>/dev/null) == 'install ok installed' ]] || printf '%s\n' "$name"
  done
}

# How root's commands are run: as they are by root, through sudo by others. Fails where neither will do.
# sudo may ask for a password only where somebody sits at a terminal.
find_root_command() {
  ((EUID != 0)) || return 0
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || { [[ -t 2 ]] && sudo -v </dev/tty; } || return 1
  AS_ROOT=(sudo)
}

forbid_services() {
  if [[ -e $POLICY_RC_D ]] && ! grep -qF "$POLICY_MARK" "$POLICY_RC_D"; then
    "${AS_ROOT[@]}" mv "$POLICY_RC_D" "$POLICY_KEPT" || return
  fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" | "${AS_ROOT[@]}" tee "$POLICY_RC_D" >/dev/null &&
    "${AS_ROOT[@]}" chmod 755 "$POLICY_RC_D"
}

allow_services_again() {
  [[ -e $POLICY_RC_D ]] && grep -qF "$POLICY_MARK" "$POLICY_RC_D" || return 0
  "${AS_ROOT[@]}" rm -f "$POLICY_RC_D"
  [[ ! -e $POLICY_KEPT ]] || "${AS_ROOT[@]}" mv "$POLICY_KEPT" "$POLICY_RC_D"
}

run_apt() {
  "${AS_ROOT[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@"
}

# ensure_packages LIST...: installs what the lists name and the machine lacks.
ensure_packages() {
  local missing status=0
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    complain "no apt-get here. Install what these Debian packages hold, then come back with --no-install:" \
             "$(package_names "$@" | paste -sd ' ')"
    return 1
  fi
  missing=$(missing_packages "$@" | paste -sd ' ')
  if [[ -z $missing ]]; then
    say "packages: all there"
    return 0
  fi
  say "packages to install: $missing"
  if ! find_root_command; then
    complain "neither root nor sudo here. As root, run:" \
             "apt-get install --no-install-recommends $missing"
    return 1
  fi
  at_exit allow_services_again
  forbid_services || status=$?
  ((status != 0)) || with_progress "apt-get update" build/logs/apt-update.log run_apt update || status=$?
  # shellcheck disable=SC2086  # a list of package names, split on purpose
  ((status != 0)) || with_progress "apt-get install" build/logs/apt-install.log \
    run_apt install --no-install-recommends $missing || status=$?
  allow_services_again
  if ((status != 0)); then complain "could not install: $missing"; fi
  return "$status"
}
