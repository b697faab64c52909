# Configures and builds a preset. Sourced after script.sh; the working directory is the repository.

# configure_preset PRESET [-D...]: `--fresh` where the folder belongs to another checkout (copied or moved). What is
# built from nothing is built in larger pieces: a target's files share the reading of headers, which is most of the
# work. Whoever edits one file at a time is better off without (`cmake --preset dev`).
configure_preset() {
  local preset=$1 cache=build/$1/CMakeCache.txt fresh=()
  shift
  if [[ -f $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$cache"; then fresh=(--fresh); fi
  with_progress "configure $preset" "build/logs/configure-$preset.log" \
    cmake "${fresh[@]}" --preset "$preset" -DCMAKE_UNITY_BUILD=ON "$@"
}

# build_preset PRESET [TARGET...]
build_preset() {
  local preset=$1 targets=()
  shift
  (($# == 0)) || targets=(--target "$@")
  NINJA_STATUS='[%f/%t] ' with_progress "build $preset" "build/logs/build-$preset.log" \
    cmake --build "build/$preset" "${targets[@]}"
}
