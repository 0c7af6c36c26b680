# sh, run in the prepared context folder
printf '%s' '{"User":"7"}' > "$CASE/conf.json"
python3 "$OCI" derive "$BASES/oci/busybox" "$CASE/parent" latest "$CASE/conf.json"
