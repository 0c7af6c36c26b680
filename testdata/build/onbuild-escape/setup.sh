# sh, run in the prepared context folder
printf '%s' '{"OnBuild":["ENV a=b`$c d=e\\\\f"]}' > "$CASE/conf.json"
python3 "$OCI" derive "$BASES/oci/busybox" "$CASE/parent" latest "$CASE/conf.json"
