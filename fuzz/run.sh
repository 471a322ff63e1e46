#!/usr/bin/env bash
# Fuzzes every target, or those named, from the corpora in fuzz/corpus:
#
#   fuzz/run.sh corpus [TARGET...]   each input once
#   fuzz/run.sh SECONDS [TARGET...]  and new ones for so long, for each target
#   fuzz/run.sh keep [TARGET...]     commit what reached something new
#
# What is found new is kept in build/fuzz/TARGET, an input that fails in
# build/fuzz/TARGET-crash-*: run it again by build/fuzz/bin/TARGET FILE.
# SEED=N in the environment makes the new inputs the same each time.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."
action=$1
shift
targets=("$@")
[ $# -gt 0 ] || targets=(calls structs region)
out=${BUILD:-build}/fuzz
fuzz/build.sh "$out/bin"

declare -A length=([calls]=2048 [structs]=300 [region]=400)
for target in "${targets[@]}"; do
  archive=fuzz/corpus/$target.tar.gz corpus=$out/corpus/$target
  mkdir -p "$out/$target" "$corpus"
  tar -C "$corpus" -xzf "$archive"
  options=(-max_len="${length[$target]}" -timeout=25 -rss_limit_mb=4096 -verbosity=0
           -print_final_stats=1 -artifact_prefix="$out/$target-")
  corpora=("$corpus")
  case $action in
    corpus) options+=(-runs=0) ;;
    # By edges alone: how often one is passed would make a hundred times as many.
    keep) options+=(-merge=1 -use_counters=0); corpora+=("$out/$target") ;;
    *) options+=(-max_total_time="$action" -seed="${SEED:-0}")
       corpora=("$out/$target" "$corpus") ;;
  esac
  # Its last lines say how much was tried; all of it, if something was found.
  log=$out/$target.log
  "$out/bin/$target" "${options[@]}" "${corpora[@]}" >"$log" 2>&1 || { cat "$log"; exit 1; }
  if [ "$action" = keep ]; then
    tar -C "$corpus" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - . |
      gzip -9n >"$archive"
    echo "$target: $(find "$corpus" -type f | wc -l) inputs"
  else
    echo "$target: $(awk '/number_of_executed_units/ { print $2, "executions" }' "$log")"
  fi
done
