from a as b
frOM A
Run x
onbuild run y
MAINTAINER Some Body <some@body>
STOPSIGNAL SIGTERM
USER a b
EXPOSE 80 443/tcp $PORTS
