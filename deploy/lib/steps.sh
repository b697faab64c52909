# The record of steps that --json prints. Sourced, not run.

STEPS_JSON=

json_string() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# record_step NAME true|false DETAIL
record_step() {
  STEPS_JSON+="${STEPS_JSON:+,}{\"name\":$(json_string "$1"),\"ok\":$2,\"detail\":$(json_string "$3")}"
}

# The whole object for a run that ended before the lab was started: nothing has shown full isolation then.
print_steps_without_lab() { printf '{"ok":%s,"isolation":"partial","steps":[%s]}\n' "$1" "$STEPS_JSON"; }
