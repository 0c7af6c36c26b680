# escape=`
FROM mcr.microsoft.com/windows/servercore
run dir `
  c:\   d
COPY a `
  b
ENV a c:\
