# sh, run in the prepared context folder
printf '%s' '{"User":"7","WorkingDir":"/tmp","Env":["PATH=/bin","A=1"],"Entrypoint":["e"],"Cmd":["c"],"Labels":{"l":"1"},"ExposedPorts":{"1/udp":{}},"Volumes":{"/v":{}},"StopSignal":"9"}' > "$CASE/conf.json"
python3 "$OCI" derive "$BASES/oci/busybox" "$CASE/parent" latest "$CASE/conf.json"
