# escape=`
# escape=\
# syntax=some/thing:1
# check=skip=A;wat=1;error=maybe;experimental
FROM scratch
