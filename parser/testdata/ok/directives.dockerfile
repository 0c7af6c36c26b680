# SYNTAX = docker/dockerfile:1.7-labs
#check=skip=all;error=true
#escape = `
# unknown=ends them
# escape=\
FROM scratch
RUN a `
 b
