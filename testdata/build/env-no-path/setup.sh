# sh, run in the prepared context folder
echo '{"Env":["X=1"]}' > "$CASE/conf.json"
python3 "$OCI" derive "$BASES/oci/busybox" "$CASE/parent" latest "$CASE/conf.json"
