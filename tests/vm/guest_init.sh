#!/bin/busybox sh
# First process of the test guest: runs every script of /checks by order of name and ends the
# machine. The verdict line carries $vm_run, which the kernel hands over from its command line, so
# that nothing but this run's end can be taken for it.

# start PROGRAM ARGUMENTS...: in the background; returns when it says "ready", as a line by itself or
# as an event of its log, or has died. What else it says goes to the console.
start() {
  said=/run/${1##*/}.said
  mkfifo "$said" || return 1
  "$@" >"$said" 2>&1 &
  exec 3<"$said"
  while read -r line <&3; do
    case $line in
      ready | *'"event":"ready"'*)
        cat <&3 &
        return 0
        ;;
    esac
    echo "$line"
  done
  echo "vm: $1 did not become ready"
  return 1
}

prepare() {
  /bin/busybox --install -s /bin
  export PATH=/bin GTEST_COLOR=no
  mkdir -p /proc /sys /run /tmp
  mount -t devtmpfs devtmpfs /dev && mount -t proc proc /proc && mount -t sysfs sysfs /sys &&
    mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /tmp || return 1
  while read -r module; do insmod "/modules/$module" || return 1; done </modules/order
}

run_checks() {
  verdict=
  for check in /checks/*.sh; do
    name=${check##*/}
    name=${name%.sh}
    echo "vm: check $name"
    (. "$check")
    verdict="$verdict${verdict:+,}\"$name\":$?"
  done
}

prepare && run_checks </dev/null
echo "vm-verdict $vm_run {$verdict}"
/bin/busybox stty sane # waits until the console has said everything
/bin/busybox reboot -f
