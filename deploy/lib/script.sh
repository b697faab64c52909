# What every script in deploy/ begins with. Sourced, not run.
#
# Everything a person reads goes to file descriptor 3: standard output as a rule, standard error where
# standard output must carry nothing but one JSON object. No terminal is assumed: no colours, no redrawn lines.

exec 3>&1 </dev/null
people_read_stderr() { exec 3>&2; }

say() { printf '%s\n' "$*" >&3; }
complain() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# --- What is undone when the script ends, however it ends: last registered first. ---

CLEANUPS=()
at_exit() { CLEANUPS+=("$1"); }
run_cleanups() {
  local i
  stop_running_child
  for ((i = ${#CLEANUPS[@]} - 1; i >= 0; --i)); do ${CLEANUPS[i]} || true; done
}
trap run_cleanups EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- Long steps ---

# Seconds of silence that a reader should not have to sit through twice.
readonly HEARTBEAT_SECONDS=10
RUNNING_CHILD=

# with_progress LABEL LOG COMMAND...
# Runs COMMAND with its output in LOG and says every few seconds how far it is: the last "[n/m]" that it
# wrote, else only the time. On failure the end of LOG is shown. Returns COMMAND's status.
with_progress() {
  local label=$1 log=$2 started=$SECONDS next=$HEARTBEAT_SECONDS status=0
  shift 2
  mkdir -p "$(dirname "$log")"
  say "$label ..."
  set -m # a process group of its own, so that all of it can be stopped
  "$@" >"$log" 2>&1 3>&- &
  RUNNING_CHILD=$!
  set +m
  while kill -0 "$RUNNING_CHILD" 2>/dev/null; do
    if ((SECONDS - started >= next)); then
      say "$label ... $(last_progress "$log")$((SECONDS - started)) s"
      next=$((SECONDS - started + HEARTBEAT_SECONDS))
    fi
    sleep 0.2
  done
  wait "$RUNNING_CHILD" || status=$?
  RUNNING_CHILD=
  if ((status == 0)); then
    say "$label: done in $((SECONDS - started)) s"
  else
    complain "$label failed (status $status); from $log:"
    show_failure "$log"
  fi
  return "$status"
}

last_progress() {
  local progress
  progress=$(tail -c 4096 "$1" 2>/dev/null | grep -aoE '^\[[0-9]+/[0-9]+\]' | tail -n 1) || true
  [[ -z $progress ]] || printf '%s, ' "$progress"
}

# Ninja goes on for a moment after the first failure, so that what failed may stand above the end.
show_failure() {
  { grep -a -A 15 -m 1 '^FAILED' "$1" && echo ...; tail -n 25 "$1"; } >&2
}

# Root's commands under sudo cannot be signalled by their user: those are waited for.
stop_running_child() {
  [[ -n $RUNNING_CHILD ]] || return 0
  kill -TERM -- "-$RUNNING_CHILD" 2>/dev/null || true
  wait "$RUNNING_CHILD" 2>/dev/null || true
  RUNNING_CHILD=
}
