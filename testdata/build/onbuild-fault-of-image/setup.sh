# sh, run in the prepared context folder
printf '%s' '{"OnBuild":["COPY --chmod=nonsense a.txt /x"]}' > "$CASE/conf.json"
python3 "$OCI" derive "$BASES/oci/busybox" "$CASE/parent" latest "$CASE/conf.json"
